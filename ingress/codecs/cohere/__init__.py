"""The wire formats of Cohere's API, version 2."""
