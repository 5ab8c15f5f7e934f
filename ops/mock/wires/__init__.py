"""The wire formats besides OpenAI's chat, one module a provider, written from the providers' own documents."""
