"""How a call to a provider can fail, for every transport. What the caller is told is in `failure`."""

from __future__ import annotations


class CallFailed(Exception):
    """A call that brought no answer. `outcome` is one of `ProviderCalled.outcome`; no text of the provider's."""

    def __init__(self, outcome: str, status: int = 0, body: bytes = b"", retry_after: str = "") -> None:
        super().__init__(f"{outcome} {status}" if status else outcome)
        self.outcome = outcome
        self.status = status
        self.body = body
        """Start of the error's body, for the caller's answer; never logged."""
        self.retry_after = retry_after
