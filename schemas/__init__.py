"""The words of Leadpipe: events, connectors, fields and records as typed models. Imports nothing of ours."""
