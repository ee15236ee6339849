"""The API key: whether there is one, from which variable, and whether it looks like one. It is never shown."""

import re
from collections.abc import Mapping
from typing import Final

from flashlive_cli.cli.checks import Check
from flashlive_cli.cli.exits import USAGE
from flashlive_cli.cli.service import GET_A_KEY
from flashlive_cli.errors import ConfigError
from flashlive_cli.session.endpoint import KEY_VARIABLES, find_endpoint, find_key

_COPY_AGAIN: Final = "copy it again from https://aistudio.google.com/apikey"
_FORMS: Final = (
    (re.compile(r"AIza[\w-]{35}"), "an API key of the usual form (AIza and 35 more characters)"),
    (re.compile(r"AQ\.[\w.-]{20,}"), "an API key of the newer form (AQ. and more)"),
    (re.compile(r"auth_tokens/\S+"), "an ephemeral token (auth_tokens/ and more)"),
)
_PLACEHOLDER: Final = re.compile(
    r"[<\[{$%].*|.*(?:your|my|some|the|api|gemini|google)[-_ ]?(?:api|gemini|google)?[-_ ]?key.*"
    r"|(?:key|changeme|todo|test|x+|\.+|…|none|null)",
    re.IGNORECASE,
)
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019\u201e"


def check_key(env: Mapping[str, str], *, google: bool, loopback: bool) -> tuple[Check, str | None]:
    """
    Look at the key without a word of it in what is found.

    Args:
        env: the environment.
        google: the server is Google's, whose keys' forms are known.
        loopback: the server is on this machine, and a talk is tried without a key.

    Returns:
        What was found, and the key, where a talk could send it; `none` where it may need none.
    """
    key = find_key(env)
    if key is None:
        if loopback:
            return Check("key", "ok", "none; a server on this machine may need none"), "none"
        return Check("key", "failed", f"none in {' or '.join(KEY_VARIABLES)}", GET_A_KEY, exit_code=USAGE), None
    variable = next(name for name in KEY_VARIABLES if env.get(name, "").strip())
    figures = {"variable": variable, "length_characters": len(key)}
    form = next((words for pattern, words in _FORMS if pattern.fullmatch(key)), None)
    wrong = _what_is_wrong(key, google=google) if form is None else None
    if wrong is not None:
        return Check("key", "failed", f"in {variable}: {wrong}", _COPY_AGAIN, figures, USAGE), None
    found = f"in {variable}: {form or f'{len(key)} characters'}"
    doubt = _doubt(key, variable, env, is_known=form is not None or not google)
    if doubt is not None:
        return Check("key", "warning", f"{found}; {doubt[0]}", doubt[1], figures), key
    return Check("key", "ok", found, figures=figures), key


def _doubt(key: str, variable: str, env: Mapping[str, str], *, is_known: bool) -> tuple[str, str] | None:
    """Say what is odd about a key that may do, and what to do about it."""
    if not is_known:
        return _near_form(key), f"if the service refuses it, {_COPY_AGAIN}"
    other = next((name for name in KEY_VARIABLES if name != variable and env.get(name, "").strip()), None)
    if other is not None and env[other].strip() != key:
        return f"another one in {other} is not used", f"unset the one that you do not mean: unset {other}"
    if env[variable] != key:
        advice = f"set {variable} again without it; flashlive leaves it out, other programs may not"
        return "there is white space around it", advice
    return None


def _what_is_wrong(key: str, *, google: bool) -> str | None:
    """Say why this cannot be a key; None where it can."""
    if google and (key[0] in _QUOTES or key[-1] in _QUOTES):
        return "it has quotes around it, which belong to the shell and not to the key"
    if google and _PLACEHOLDER.fullmatch(key):
        return "it is a placeholder, not a key"
    if any(char.isspace() for char in key):
        return "it has white space inside"
    try:
        find_endpoint(None, key)
    except ConfigError:
        return "it has characters that no key has"
    return None


def _near_form(key: str) -> str:
    if key.startswith("AIza"):
        return f"keys that begin like this one have {4 + 35}: was it copied whole?"
    return "it looks like none of the keys that are known (AIza…, AQ.…, auth_tokens/…)"
