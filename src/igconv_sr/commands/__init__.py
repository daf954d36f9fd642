"""The command line: which commands there are, what they are given, and how errors are told."""
