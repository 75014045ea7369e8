"""Errors in OpenAI's shape: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.service import hide_credentials
from app.speech.types import EngineMissing, SpeechError

log = structlog.get_logger(__name__)

RETRY_AFTER = 2
"""Seconds that a refused client is asked to wait."""


class ApiError(Exception):
    """A request that is refused: HTTP status, a message for people, and OpenAI's code and parameter."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


def body(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The JSON body of an error."""
    if status in (401, 403):
        kind = "authentication_error"
    else:
        kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": hide_credentials(message), "type": kind, "param": param, "code": code}}


def answer(error: ApiError) -> JSONResponse:
    """The response to a refused request."""
    headers: dict[str, str] = {}
    if error.status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 408:
        # Or the rest of the body may go on arriving as slowly.
        headers["Connection"] = "close"
    return JSONResponse(body(error.status, str(error), error.code, error.param), error.status, headers)


def from_speech(error: SpeechError) -> ApiError:
    """What a client is told where an engine can't do what it asks."""
    if isinstance(error, EngineMissing):
        return ApiError(503, str(error), "engine_unavailable")
    return ApiError(400, str(error), "unsupported")


def told(error: BaseException) -> ApiError:
    """Any failure as what a client is told of it; what is unforeseen is logged, not shown."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, SpeechError):
        return from_speech(error)
    if isinstance(error, TimeoutError):
        return ApiError(504, "not done within REQUEST_DEADLINE; send shorter sound or text", "deadline")
    log.error("a request failed", error=f"{type(error).__name__}: {error}", exc_info=error)
    return ApiError(500, "the server failed at this request; its log says why", "internal_error")


def install(app: FastAPI) -> None:
    """Makes every error of the application take OpenAI's shape."""

    @app.exception_handler(ApiError)
    @app.exception_handler(SpeechError)
    @app.exception_handler(TimeoutError)
    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        return answer(told(error))

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        codes: Mapping[int, str] = {
            404: "not_found",
            405: "method_not_allowed",
            415: "unsupported_media_type",
        }
        code = codes.get(error.status_code, "bad_request")
        return JSONResponse(
            body(error.status_code, str(error.detail), code), error.status_code, dict(error.headers or {})
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(invalid_value(error.errors()))


def invalid_value(problems: Any) -> ApiError:
    """pydantic's list of problems as one error that names each parameter."""
    if problems[0]["type"] == "json_invalid":
        place = f"{problems[0].get('ctx', {}).get('error', '')} at character {problems[0]['loc'][-1]}"
        return ApiError(400, f"the body is no JSON: {place.strip()}", "invalid_json")
    places = [".".join(str(part) for part in each["loc"] if part != "body") for each in problems]
    parts = [f"{place or 'body'}: {each['msg']}" for place, each in zip(places, problems, strict=True)]
    return ApiError(422, "; ".join(parts), "invalid_value", places[0] or None)


_SHAPE = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": about, "content": {"application/json": {"schema": _SHAPE}}}
    for status, about in {
        400: "The request can't be done.",
        401: "No valid API key.",
        404: "No such model or voice.",
        408: "The request arrived too slowly.",
        413: "The upload is too large.",
        415: "The file is no sound.",
        422: "A parameter is wrong.",
        500: "The server failed.",
        503: "Too many requests, or the engine is not there; Retry-After says when to ask again.",
        504: "Not done within REQUEST_DEADLINE.",
    }.items()
}
"""The errors as the OpenAPI document tells them."""
