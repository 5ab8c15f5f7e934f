"""The same work through Nexus and through its peers. Nothing of the load itself, which is `benchmarks.load`."""
