"""
Ephemeral tokens: made by a POST, good for `uses` new sessions, and able to lock the setup. Pure.

As ai.google.dev/gemini-api/docs/live-api/ephemeral-tokens has it: `uses` is 1 unless given, 0 is without limit, and
resuming spends none; a session can be begun for a minute and talked in for thirty unless other times are given. A
token's setup without `fieldMask` replaces the client's completely, one with a mask only the fields that it lists. The
setup's name on the wire is `bidiGenerateContentSetup`; `liveConnectConstraints`, the SDKs' name, is unknown there.
What the service says to a token that is spent or expired is not published; the words here are our own.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flashlive_cli.sim.doors import TOKEN_PREFIX
from flashlive_cli.sim.grammar import ALPHA_MESSAGE, BETA_MESSAGE
from flashlive_cli.sim.schema import Refusal, Struct, Text, Whole, invalid_argument, parse_json

LASTS: Final = timedelta(minutes=30)
BEGINS_WITHIN: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(hours=20)
MOST_TOKENS: Final = 10_000

NO_CREDENTIAL: Final = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)


@dataclass(slots=True)
class Token:
    """
    One token.

    Attributes:
        uses_left: new sessions it may still begin; None for any number.
        expires: it is refused then, in the middle of a session too.
        begin_by: until then it begins sessions.
        setup: what it locks, camelCase names and known types; None for nothing.
        mask: paths of the fields that are locked; empty for the whole setup.
    """

    uses_left: int | None
    expires: datetime
    begin_by: datetime
    setup: Mapping[str, Any] | None
    mask: tuple[str, ...]

    def judge(self, now: datetime, *, resuming: bool) -> None:
        """
        Let a session begin or go on, and count it.

        Raises:
            Refusal: the token is over, or spent.
        """
        self.judge_time(now)
        if resuming:
            return
        if now >= self.begin_by:
            raise Refusal(1008, "Token expired: newSessionExpireTime is past.")
        if self.uses_left == 0:
            raise Refusal(1008, "Token has been used for as many sessions as it allows.")
        if self.uses_left is not None:
            self.uses_left -= 1

    def judge_time(self, now: datetime) -> None:
        """
        Let a message pass.

        Raises:
            Refusal: the token is over.
        """
        if now >= self.expires:
            raise Refusal(1008, "Token expired: expireTime is past.")

    def lock(self, setup: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a client's setup with the token's in place of what is locked; the handle stays the client's."""
        if self.setup is None:
            return setup
        if not self.mask:
            kept = {"sessionResumption": setup["sessionResumption"]} if "sessionResumption" in setup else {}
            return {**self.setup, **kept}
        locked = dict(setup)
        for path in self.mask:
            _put(locked, self.setup, path.split("."))
        return locked


def _put(into: dict[str, Any], source: Mapping[str, Any], path: list[str]) -> None:
    """Make one field what it is in `source`, unset included; objects on the way are copied."""
    name, *rest = path
    if not rest:
        if name in source:
            into[name] = source[name]
        else:
            into.pop(name, None)
        return
    child, below = into.get(name, {}), source.get(name, {})
    if isinstance(child, Mapping) and isinstance(below, Mapping):
        copied = dict(child)
        _put(copied, below, rest)
        into[name] = copied
        if not copied:
            del into[name]


class TokenOffice:
    """
    Makes tokens and knows them again.

    Args:
        wall: the time of day; tokens expire by it, however fast the conversation's clock runs.
    """

    def __init__(self, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.wall = wall
        self._tokens: dict[str, Token] = {}

    def find(self, name: str) -> Token | None:
        """The token of a name; None for a name that is no token made here."""
        return self._tokens.get(name)

    def issue(self, body: bytes, *, version: str) -> Mapping[str, Any]:
        """
        Make a token as a request's JSON asks for it; return the answer's JSON.

        Raises:
            Refusal: as the service refuses a setup; over HTTP its reason is an INVALID_ARGUMENT.
        """
        asked = _request(version).read(parse_json(body or b"{}"), "")
        now = self.wall()
        expires = _time(asked, "expireTime", now + LASTS)
        begin_by = _time(asked, "newSessionExpireTime", now + BEGINS_WITHIN)
        if not now < expires <= now + LONGEST:
            raise invalid_argument("expireTime must lie in the future, and within 20 hours.")
        uses: int = asked.get("uses", 1)
        name = TOKEN_PREFIX + secrets.token_hex(32)
        if len(self._tokens) >= MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        mask = tuple(_camel(path.strip()) for path in asked.get("fieldMask", "").split(",") if path.strip())
        self._tokens[name] = Token(uses or None, expires, begin_by, asked.get("bidiGenerateContentSetup"), mask)
        return {"name": name}


def _request(version: str) -> Struct:
    message = ALPHA_MESSAGE if version == "v1alpha" else BETA_MESSAGE
    return Struct(
        "AuthToken",
        {
            "uses": Whole(0),
            "expireTime": Text(),
            "newSessionExpireTime": Text(),
            "bidiGenerateContentSetup": message.fields["setup"],
            "fieldMask": Text(),
        },
    )


def _time(asked: Mapping[str, Any], name: str, default: datetime) -> datetime:
    text = asked.get(name)
    if text is None:
        return default
    try:
        # JavaScript writes milliseconds, protobuf up to nanoseconds, which Python 3.11 does not read
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        shown = json.dumps(text[:60], ensure_ascii=False)
        raise Refusal(1007, f"Invalid value at '{name}' (type.googleapis.com/google.protobuf.Timestamp), {shown}")
    return moment


def _camel(path: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), path)
