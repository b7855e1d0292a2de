"""The administration API: HTTP in, operations, JSON out. It has no logic of its own."""
