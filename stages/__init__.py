"""The work: one file per stage, a function over a batch. Found by listing this folder; knows no broker."""
