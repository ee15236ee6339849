"""
The little HTTP that a WebSocket server needs for token requests: one POST with a length, one JSON answer. Pure.

`PostReader` takes bytes as they come; when a request is whole, or cannot become one, it has an outcome.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

MAX_HEAD: Final = 32 * 1024
MAX_BODY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Post:
    """
    A whole request.

    Attributes:
        target: path and query as they came.
        headers: by lower-case name.
        body: as it came.
    """

    target: str
    headers: Mapping[str, list[str]]
    body: bytes

    def get_all(self, name: str) -> list[str]:
        """All values of a header, whose name may be in any letter case."""
        return self.headers.get(name.lower(), [])


@dataclass(slots=True)
class PostReader:
    """Bytes of one connection, read as one request; after `feed` returned something, it is done."""

    received: bytearray = field(default_factory=bytearray)

    def feed(self, fresh: bytes) -> Post | HTTPStatus | None:
        """Take more bytes; the request when it is whole, what is wrong with it, or None while bytes are missing."""
        self.received += fresh
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if len(self.received) > MAX_HEAD else None
        first, *lines = bytes(self.received[:end]).decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3:
            return HTTPStatus.BAD_REQUEST
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        length = headers.get("content-length", ["" if "transfer-encoding" in headers else "0"])[0]
        if not length.isascii() or not length.isdigit():
            return HTTPStatus.LENGTH_REQUIRED
        if len(length) > 9 or int(length) > MAX_BODY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        body = bytes(self.received[end + 4 :])
        return Post(words[1], headers, body[: int(length)]) if len(body) >= int(length) else None


def answer(status: HTTPStatus, body: Mapping[str, Any]) -> bytes:
    """A whole response, after which the connection is closed."""
    content = (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json; charset=UTF-8\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + content


def failure(status: HTTPStatus, name: str, message: str) -> bytes:
    """A whole response in the form of Google's APIs; `name` is gRPC's, such as `INVALID_ARGUMENT`."""
    return answer(status, {"error": {"code": status.value, "message": message, "status": name}})
