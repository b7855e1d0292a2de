"""HTTP in: from a request to events that are durable, and an honest answer."""
