"""
What must not be kept is taken out before anything is written: the key, and what lets somebody take up the session.

JSON is taken apart and its strings are searched, so that no spelling of JSON hides anything; within a string a key
may be spelled once more (JSON in JSON, a URL), so each of its characters is looked for in all its spellings.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Final

KEY: Final = "[key]"
HANDLE: Final = "[handle]"

_HANDLES: Final = {
    "sessionResumption": "handle",
    "session_resumption": "handle",
    "sessionResumptionUpdate": "newHandle",
    "session_resumption_update": "new_handle",
}
"""Where on the wire a session's handle is; the service takes, and proxies send, both ways of writing names."""

_HANDLE_TEXT: Final = re.compile(r'("(?:handle|newHandle|new_handle)"\s*:\s*)"(?:[^"\\]|\\.)*"?')
"""The same in what is no whole JSON."""


class Redactor:
    """
    Takes secrets out of text and of JSON. Safe in any thread.

    Args:
        secrets: the key, as it is; empty ones are nothing.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        patterns = ["".join(map(_spellings, secret)) for secret in self._secrets]
        self._spelled = re.compile("|".join(patterns)) if patterns else None

    def text(self, text: str) -> str:
        """Return a text with `[key]` in the place of each secret, however it is spelled."""
        if self._spelled is None:
            return text
        # any spelling but the plain one needs one of these two; base64 of sound has neither, and is long
        if "\\" in text or "%" in text:
            return self._spelled.sub(KEY, text)
        for secret in self._secrets:
            text = text.replace(secret, KEY)
        return text

    def plain(self, value: object) -> object:
        """
        Return JSON's idea of a value (dicts, lists, strings, numbers), without secrets, keys of objects included.

        A session's handles are taken out where the wire has them. What JSON does not know becomes its `str`.
        """
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(name)): self._member(name, item) for name, item in value.items()}
            case list() | tuple():
                return [self.plain(item) for item in value]
            case _:
                return self.text(str(value))

    def record(self, record: Mapping[str, object]) -> dict[str, object]:
        """Return an event's record without secrets; the names of its own fields stay."""
        return {name: self.plain(value) for name, value in record.items()}

    def message(self, message: str | bytes) -> object:
        """Return what a message of the wire says, without secrets; one that is no JSON as a string."""
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
        try:
            return self.plain(json.loads(text, parse_constant=_refuse))
        except (ValueError, RecursionError):
            return self.text(_HANDLE_TEXT.sub(rf'\1"{HANDLE}"', text))

    def _member(self, name: object, item: object) -> object:
        plain = self.plain(item)
        secret = _HANDLES.get(name) if isinstance(name, str) else None
        if secret and isinstance(plain, dict) and plain.get(secret):
            plain[secret] = HANDLE
        return plain


def _spellings(char: str) -> str:
    r"""Return a pattern for a character: plain, behind backslashes, as `\u0041` or `%41`, also escaped again."""
    # counted, for text that is nothing but backslashes must not take its length squared
    units = char.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"\\{{1,8}}u{_any_case(units[i : i + 2].hex())}" for i in range(0, len(units), 2))
    octets = "".join(f"%(?:25){{0,3}}{_any_case(f'{octet:02x}')}" for octet in char.encode("utf-8", "surrogatepass"))
    return rf"(?:\\{{0,8}}{re.escape(char)}|{escaped}|{octets})"


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
