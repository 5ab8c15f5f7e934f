"""Why a request is not answered, in the shape and the words of the OpenAI API; no bytes are built here."""

from __future__ import annotations


class Refusal(Exception):
    """One refused request: HTTP status and the four fields of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code


def invalid_value(param: str, problem: str) -> Refusal:
    """400 for a value that has the right type and no meaning."""
    return Refusal(400, f"Invalid value for '{param}': {problem}.", param=param, code="invalid_value")


_INJECTED: dict[int, tuple[str, str, str | None]] = {
    400: ("invalid_request_error", "Injected: the request is invalid.", None),
    401: ("invalid_request_error", "Injected: incorrect API key provided.", "invalid_api_key"),
    403: ("permission_error", "Injected: you are not allowed to use this model.", "permission_denied"),
    404: ("invalid_request_error", "Injected: the model does not exist.", "model_not_found"),
    408: ("timeout", "Injected: the request timed out.", "request_timeout"),
    409: ("conflict_error", "Injected: the resource changed meanwhile.", "conflict"),
    422: ("invalid_request_error", "Injected: the request cannot be processed.", "unprocessable_entity"),
    429: ("requests", "Injected: rate limit reached for requests.", "rate_limit_exceeded"),
    503: ("server_error", "Injected: the engine is overloaded, try again later.", "service_unavailable"),
}


def injected(status: int) -> Refusal:
    """The error a knob asked for, with the type and code that the real API gives to ``status``."""
    fallback = "server_error" if status >= 500 else "invalid_request_error"
    kind, message, code = _INJECTED.get(status, (fallback, f"Injected: status {status}.", None))
    return Refusal(status, message, kind=kind, code=code)
