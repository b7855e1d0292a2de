"""Accepting while the broker is away: durable on this machine's disk first, into the broker later."""
