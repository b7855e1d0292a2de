"""The command line: a face of the operations, with no logic of its own."""
