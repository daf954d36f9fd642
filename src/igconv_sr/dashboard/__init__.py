"""``igconv-sr dashboard``: a report in a W&B project that compares its runs."""
