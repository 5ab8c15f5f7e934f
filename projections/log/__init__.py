"""The log: writing, reading, appending and checking it. Everything about JetStream lives here and nowhere else."""
