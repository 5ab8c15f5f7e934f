"""Kills processes under load and compares what the outside saw with what Nexus says: `python -m benchmarks chaos`."""
