"""Processes: start together, stop in order. One module per kind of process, and what they share."""
