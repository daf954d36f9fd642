"""``igconv-sr evaluate``: a model scored on benchmarks, printed and drawn."""
