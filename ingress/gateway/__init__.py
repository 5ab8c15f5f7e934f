"""The data plane: takes a request in, decides, calls a provider, answers, and leaves the facts of all of it."""
