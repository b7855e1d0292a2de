"""Everything that Leadpipe says to a person, in one file: docs/words.txt. `make words` writes it anew."""
