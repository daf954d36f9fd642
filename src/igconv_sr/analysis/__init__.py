"""Analyses as commands: each writes a table and a figure of it; one module per command, named as it is."""
