"""Requests that are not answered: each error with its HTTP status and OpenAI's type and code."""

from __future__ import annotations

from typing import Any

from ventriloquist.errors import (
    BusyError,
    ModelError,
    NotReadyError,
    StorageError,
    UnknownNameError,
    VentriloquistError,
)

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 503: "server_error"}
CODES = {
    401: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    503: "unavailable",
}


class RequestError(VentriloquistError):
    """A request that cannot be answered."""

    def __init__(
        self, status: int, what: str, *, hint: str = "", code: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.code = code or CODES.get(status, "invalid_request")
        self.retry_after = retry_after  # seconds


def as_request_error(error: VentriloquistError) -> RequestError:
    """Return an error of another part as one of the request."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, StorageError | NotReadyError | BusyError | ModelError):  # not the request's fault
        return RequestError(503, error.what, hint=error.hint)
    is_name = isinstance(error, UnknownNameError)
    return RequestError(400, error.what, hint=error.hint, code="unknown_name" if is_name else "")


def error_body(error: RequestError) -> dict[str, Any]:
    """Return OpenAI's body of an error."""
    default = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": f"{error.what} {error.hint}".rstrip(),
            "type": TYPES.get(error.status, default),
            "param": None,
            "code": error.code,
        }
    }
