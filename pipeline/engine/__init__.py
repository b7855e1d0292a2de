"""How events move: outcomes, stages, topology, frames, inbox, runner. Knows no broker, no database, no vendor."""
