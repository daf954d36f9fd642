"""Time, memory and operations of networks, as analyses and benchmarks measure them."""
