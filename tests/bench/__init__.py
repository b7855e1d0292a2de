"""Benchmarks beside the tests: the bench command, and the same job written with other libraries."""
