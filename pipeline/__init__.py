"""The machine: how events move through stages. Names no stage and no vendor."""

__version__ = "0.1.0"
