"""Files, locks, the terminal and memory: what knows nothing of super-resolution."""
