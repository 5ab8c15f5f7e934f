"""Configuration: one file an aggregate, each with its spec, its facts and its decider."""
