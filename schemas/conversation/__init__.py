"""One provider-neutral conversation: what is asked, what is answered, what a stream tells. Pure; no wire format."""
