"""Reads a multipart upload: the file goes to disk as it arrives, bounded in size and time."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO

import structlog
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from app.speech.rest.arrival import Space, no_room, paced
from app.speech.rest.errors import ApiError, invalid_value

log = structlog.get_logger(__name__)

MEGABYTE = 1_000_000
MOST_FIELDS = 40
LARGEST_FIELD = 64 * 1024
OVERHEAD = MEGABYTE
"""Bytes that everything but the file may take."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def read_form(request: Request, most_mb: int, deadline: float, space: Space) -> FormData:
    """The form of a request. Raises ApiError: 415, 413, 408, 400 for what can't be read, 503 without room.

    The caller closes it, which deletes the file, before it gives up the space.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ApiError(
            415,
            "send the file as multipart/form-data, for example curl -F file=@talk.mp3",
            "unsupported_media_type",
        )
    most = most_mb * MEGABYTE + OVERHEAD
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_large(most_mb)

    async def bounded() -> AsyncGenerator[bytes, None]:
        read = 0
        async for chunk in paced(request.stream(), deadline):
            read += len(chunk)
            if read > most:
                raise too_large(most_mb)
            space.take(len(chunk))
            yield chunk

    parser = MultiPartParser(
        request.headers, bounded(), max_files=1, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise ApiError(400, f"the form can't be read: {error.message}", "bad_form") from error
    except (KeyError, UnicodeDecodeError, LookupError, ValueError) as error:
        raise ApiError(
            400, "the form can't be read: it is no valid multipart/form-data", "bad_form"
        ) from error
    except ClientDisconnect as error:
        raise ApiError(400, "the upload broke off", "upload_incomplete", "file") from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        log.error("the disk is full where uploads are kept (TMPDIR)", folder=tempfile.gettempdir())
        raise no_room() from error


def too_large(most_mb: int) -> ApiError:
    """The error for a file over the limit."""
    return ApiError(
        413, f"the file is larger than {most_mb} MB, which is the most (MAX_UPLOAD_MB)", "too_large", "file"
    )


def the_file(form: FormData) -> BinaryIO:
    """The uploaded file. Raises ApiError where there is none or it is empty."""
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise ApiError(422, "file: the form has no file; send it as the field `file`", "missing", "file")
    if not file.size:
        raise ApiError(400, "the file is empty", "empty_file", "file")
    return file.file


def fields(form: FormData, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """The other fields; those in `lists`, sent as `name` or `name[]`, as lists. Empty ones are left out."""
    found: dict[str, Any] = {}
    for name, value in form.multi_items():
        if not isinstance(value, str) or value == "":
            continue
        plain = name.removesuffix("[]")
        if plain in lists:
            found.setdefault(plain, []).append(value)
        else:
            found[name] = value
    return found


def validated(model: type[BaseModel], values: dict[str, Any]) -> Any:
    """The model of the values. Raises ApiError that names each wrong one."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_value(error.errors()) from None
