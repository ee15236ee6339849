"""Values of JSON spelled as TOML, which has no null, and no half characters. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_WIDE: Final = 100
"""Characters of a list of tables in one line; a longer one has a line for each."""

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def sayable(value: Any) -> Any:
    """Return a value of JSON without what TOML cannot say: nulls are left out."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case Mapping():
            return {sayable(str(name)): sayable(inner) for name, inner in value.items() if inner is not None}
        case list() | tuple():
            return [sayable(inner) for inner in value if inner is not None]
        case _:
            return value


def spelled(value: Any) -> str:
    """Spell a sayable value; a table in one line."""
    match value:
        case str():
            return _text(value)
        case Mapping():
            pairs = ", ".join(f"{key(name)} = {spelled(inner)}" for name, inner in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list() | tuple():
            items = [spelled(inner) for inner in value]
            line = f"[{', '.join(items)}]"
            if len(line) <= _WIDE or not any(isinstance(inner, Mapping) for inner in value):
                return line
            return "".join(["[\n", *(f"    {item},\n" for item in items), "]"])
        case _:
            return json.dumps(value)


def key(name: str) -> str:
    """Spell a key."""
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def paragraphs(text: str) -> str:
    """Spell a text of several lines as such, where nothing in it speaks against that."""
    if "\n" not in text or '"""' in text or "\\" in text or not text.replace("\n", "").isprintable():
        return _text(text)
    return f'"""\n{text}"""' if not text.endswith('"') else _text(text)


def _text(text: str) -> str:
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    """Spell out what could steer a terminal, or deceive who reads the file."""
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    return short or (f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}")
