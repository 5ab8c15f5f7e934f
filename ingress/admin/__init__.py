"""Control plane: configuration commands and queries over HTTP. No request of an application passes here."""
