"""The error tree. Each class answers three questions: whose fault, is a retry worth it, which HTTP status.

NexusError
├── CallerError            the request is wrong; a retry will not help
│   ├── InvalidRequest     400   ├── TooLarge        413   ├── NotFound   404 (model, resource)
│   ├── Unauthenticated    401   ├── UnsupportedType 415   ├── Conflict   409
│   ├── Forbidden          403   └── RequestTimeout  408
│   └── Blocked            403   a compliance rule said no
├── LimitReached           429   rate limit or budget; retry after a while
├── ProviderError          502   the provider failed; ├── ProviderTimeout 504  └── ProviderUnavailable 503
├── Unavailable            503   Nexus cannot take this now (log, budget store); retry
└── WorkError              in workers: ├── Rejected  slow down and retry   └── Invalid  goes to DEAD
"""

from __future__ import annotations

from typing import ClassVar


class NexusError(Exception):
    """Base of all errors that leave a room. The message is safe to show to the caller: it holds no secret."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    retry: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.param = param
        self.retry_after = retry_after
        """Seconds."""


class CallerError(NexusError):
    """The caller has to change something."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class InvalidRequest(CallerError):
    """The request is not what the protocol says."""


class Unauthenticated(CallerError):
    """No key, or one that is not (or no longer) valid."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class Forbidden(CallerError):
    """The key is valid and may not do this."""

    status = 403
    code = "forbidden"
    type = "permission_error"


class Blocked(CallerError):
    """A compliance rule refused the text. The message names the rule, never what matched."""

    status = 403
    code = "content_filtered"
    type = "permission_error"


class NotFound(CallerError):
    """The named thing does not exist, or is not visible to this caller."""

    status = 404
    code = "not_found"


class RequestTimeout(CallerError):
    """The request's body did not arrive in time."""

    status = 408
    code = "timeout"


class Conflict(CallerError):
    """Somebody else changed the same thing first, or it exists already."""

    status = 409
    code = "conflict"


class TooLarge(CallerError):
    """The body is over the limit."""

    status = 413
    code = "request_too_large"


class UnsupportedType(CallerError):
    """The content type is not one the endpoint reads."""

    status = 415
    code = "unsupported_media_type"


class LimitReached(NexusError):
    """A rate limit or a budget is exhausted."""

    status = 429
    code = "rate_limited"
    type = "rate_limit_error"
    retry = True


class ProviderError(NexusError):
    """The provider answered with an error, or with something that is not its protocol."""

    status = 502
    code = "upstream_error"
    type = "api_error"
    retry = True


class ProviderTimeout(ProviderError):
    """The provider did not answer in time."""

    status = 504
    code = "timeout"


class ProviderUnavailable(ProviderError):
    """No provider of the route can be tried now."""

    status = 503
    code = "no_provider_available"


class Unavailable(NexusError):
    """Nexus cannot take the request on the record, or cannot check its budget, at this moment."""

    status = 503
    code = "unavailable"
    type = "api_error"
    retry = True


class WorkError(NexusError):
    """What a worker's plain function may raise."""


class Rejected(WorkError):
    """The store refuses for now: slow down and try the same batch again. An outage is not poison."""

    retry = True


class Invalid(WorkError):
    """This message can never be applied: its bytes go to DEAD with the reason."""
