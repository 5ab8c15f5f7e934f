"""The wire formats of OpenAI's API; whoever else speaks them differs by data in `ingress.providers`."""
