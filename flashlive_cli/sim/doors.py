"""
What a request asks for: a conversation or a token, of which version, and with which credential. Pure.

The service's own doors are `/ws/google.ai.generativelanguage.VERSION.GenerativeService.BidiGenerateContent`, the same
with `Constrained` for ephemeral tokens, and `POST /VERSION/auth_tokens`. Any prefix is taken, for clients behind a
base URL with a path, and any number of slashes: Google's JavaScript SDK doubles one after a base URL that ends in it.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qs

TOKEN_PREFIX: Final = "auth_tokens/"  # noqa: S105 - what every token begins with
_DEFAULT_VERSION: Final = "v1beta"

_TALK: Final = re.compile(r"/|.*\.BidiGenerateContent(?P<constrained>Constrained)?")
_VERSION: Final = re.compile(r"\.(v\d\w*)\.")
_TOKENS: Final = re.compile(r".*/(?P<version>v\d\w*)/(?:auth_tokens|authTokens)")


class Headers(Protocol):
    """The headers of a request; names in any letter case."""

    def get_all(self, name: str, /) -> list[str]:
        """All values of a header."""


@dataclass(frozen=True, slots=True)
class Talk:
    """
    A WebSocket for one conversation.

    Attributes:
        version: of the API, such as `v1beta`.
        constrained: by the method that takes ephemeral tokens.
    """

    version: str = _DEFAULT_VERSION
    constrained: bool = False


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Where ephemeral tokens are made."""

    version: str


def talk_at(target: str) -> Talk | None:
    """The conversation behind a request's target, query included; None where there is none."""
    path = path_of(target)
    found = _TALK.fullmatch(path)
    if found is None:
        return None
    version = _VERSION.search(path)
    return Talk(version[1] if version else _DEFAULT_VERSION, bool(found["constrained"]))


def token_desk_at(target: str) -> TokenDesk | None:
    """The desk behind a request's target, query included; None where there is none."""
    found = _TOKENS.fullmatch(path_of(target))
    return TokenDesk(found["version"]) if found else None


def path_of(target: str) -> str:
    """A request's target without its query and with single slashes."""
    return re.sub(r"/{2,}", "/", target.partition("?")[0])


def credential_of(target: str, headers: Headers) -> str:
    """The key or token of a request, wherever the client puts it; empty for none."""
    query = parse_qs(target.partition("?")[2])
    found = [*headers.get_all("x-goog-api-key"), *query.get("key", ()), *query.get("access_token", ())]
    for header in headers.get_all("Authorization"):
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "token":
            found.append(token.strip())
    return next((key for key in found if key), "")
