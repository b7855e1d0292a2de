"""Secrets of connectors: sealed in the database, or outside of it; in the clear only in the process that needs one."""
