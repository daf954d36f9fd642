"""``igconv-sr train``: one network for all scales, and what surrounds its steps."""
