"""Errors as problem details (RFC 9457) with a stable code; nothing internal leaves in them."""

from typing import cast

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from foundation.errors import (
    DependencyUnavailable,
    ExtractionFailed,
    InvalidInput,
    MalformedBody,
    NotFound,
    ReplikError,
    Unauthorized,
)
from ingest.extract import sentence
from serve.plain import PLAIN

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

_PLAIN = frozenset(
    {
        "bool_parsing",
        "extra_forbidden",
        "greater_than_equal",
        "int_parsing",
        "less_than_equal",
        "literal_error",
        "missing",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
    }
)
"""Kinds of refusal whose sentence says what is allowed."""


def problem(error: ReplikError, detail: str | None = None) -> JSONResponse:
    """Return the response for an error; `detail` is a sentence for the person who met it."""
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if (wait := error.data.get("retry_after_s")) is not None:
        headers["Retry-After"] = str(wait)
    return JSONResponse(
        {
            "type": f"urn:replik:problem:{error.code}",
            "title": error.message,
            "status": error.status,
            "code": error.code,
            "data": dict(error.data),
            **({"detail": detail} if detail else {}),
        },
        status_code=error.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` as problem details."""
    app.add_exception_handler(ReplikError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(away, _database_away)
    for unstorable in (DataError, psycopg.DataError):
        app.add_exception_handler(unstorable, _unstorable)
    app.add_exception_handler(Exception, _unknown)


async def _known(request: Request, error: Exception) -> JSONResponse:
    error = cast(ReplikError, error)
    if error.status >= 500:
        log.error("request_failed", code=error.code, data=dict(error.data))
    if isinstance(error, ExtractionFailed) and "reason" in error.data:
        swedish = request.headers.get("accept-language", "").lower().startswith("sv")
        return problem(error, sentence(str(error.data["reason"]), "sv" if swedish else "en"))
    return problem(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    error = cast(RequestValidationError, error)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(MalformedBody())
    # The input itself is left out: it may be huge, secret, or not even encodable.
    # Of a union Pydantic names the member that failed, as in `literal['a']`: no place in what was sent.
    places = [str(place) for place in first["loc"][1:] if "[" not in str(place)]
    field = ".".join(places) or str(first["loc"][0])
    # Our own sentences name the remedy, and neither they nor those of Pydantic repeat what was sent.
    said = {}
    if first["type"] == "value_error":
        said = {"detail": first["msg"].removeprefix("Value error, ")}
    elif first["type"] in _PLAIN:
        said = {"detail": f"{field.removeprefix('body.')}: {first['msg'][:1].lower()}{first['msg'][1:]}"}
    return problem(InvalidInput(field=field, reason=first["type"], **said))


async def _http(_request: Request, error: Exception) -> JSONResponse:
    error = cast(HTTPException, error)
    if error.status_code == 404:
        return problem(NotFound())
    if error.status_code == 400:
        return problem(MalformedBody())
    return JSONResponse(
        {
            "type": f"urn:replik:problem:http_{error.status_code}",
            "title": error.detail,
            "status": error.status_code,
            "code": f"http_{error.status_code}",
            "data": {},
        },
        status_code=error.status_code,
        headers=error.headers,
        media_type=MEDIA_TYPE,
    )


async def _database_away(_request: Request, error: Exception) -> JSONResponse:
    log.error("database_away", error=type(error).__name__)
    return problem(DependencyUnavailable(part="postgresql"))


async def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    """A number beyond the column's range, a null byte: the sender's doing, wherever it was not caught."""
    log.warning("value_not_storable", error=type(error).__name__)
    return problem(InvalidInput(reason="not_storable"))


async def _unknown(_request: Request, error: Exception) -> JSONResponse:
    log.error("request_crashed", exc_info=error)
    crashed = problem(ReplikError())
    crashed.headers.update(PLAIN)  # this answer leaves outside of all that add headers
    return crashed
