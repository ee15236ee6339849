"""The usual `mcpServers` file: which MCP servers there are, and how each is reached."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from flashlive_cli.errors import ConfigError, reason_of
from flashlive_cli.loopback import is_loopback
from flashlive_cli.nearest import did_you_mean, nearest
from flashlive_cli.printable import printable

_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]*)\}")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """
    A program that speaks MCP on its stdin and stdout.

    Attributes:
        name: what its file calls it; not yet fit for a terminal.
        command: a program's name or path; arguments are apart.
        env: for it alone, beside the few variables every server gets (PATH, HOME and the like).
        cwd: where it runs; None is where we do.
    """

    name: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)  # like env and headers, they may hold keys
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """
    A server behind a URL, over streamable HTTP.

    Attributes:
        name: what its file calls it; not yet fit for a terminal.
        headers: sent with every request.
    """

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Server = LocalServer | RemoteServer


class _Entry(BaseModel):
    """What may be said of a server."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: str | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}
    disabled: bool = False


_LOCAL_KEYS: Final = frozenset({"command", "args", "env", "cwd"})
_REMOTE_KEYS: Final = frozenset({"url", "headers"})


def read_servers(path: Path, *, env: Mapping[str, str] = os.environ) -> list[Server]:
    """
    Read the servers of a file, in its order, without those that are `disabled`.

    `${NAME}` in a command, an argument, a URL and the values of `env` and `headers` is the environment's variable,
    `${NAME:-text}` the text where it is not set or empty. `cwd` is relative to the file's folder. Top-level keys
    besides `mcpServers` belong to the other programs that share the file.

    Raises:
        ConfigError: one line: file, line, key, and what would be right; never a value, which may be a secret.
    """
    text = _text_of(path)
    document = _parsed(path, text)
    if not isinstance(document, dict):
        raise ConfigError(printable(f"{path}: expected an object with mcpServers in it"))
    if "mcpServers" not in document:
        near = nearest("mcpServers", [*document])
        instead = f"; is {near} meant to be mcpServers?" if near else ""
        raise ConfigError(printable(f"{path}: no mcpServers in it{instead}"))
    entries = document["mcpServers"]
    if not isinstance(entries, dict) or not entries:
        raise ConfigError(printable(f"{path}: mcpServers: expected an object of servers by name"))
    read = [_Reading(path, text, name, env).server(entry) for name, entry in entries.items()]
    return [server for server in read if server is not None]


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as exc:
        raise ConfigError(printable(f"{path}: no such file")) from exc
    except IsADirectoryError as exc:
        raise ConfigError(printable(f"{path}: is a folder, and a JSON file is wanted")) from exc
    except OSError as exc:
        raise ConfigError(printable(f"{path}: {reason_of(exc)}")) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(printable(f"{path}: is not UTF-8 (byte {exc.start})")) from exc


def _parsed(path: Path, text: str) -> Any:
    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            line = text.count("\n", 0, max(text.rfind(json.dumps(twice)), 0)) + 1
            raise ConfigError(printable(f"{path}:{line}: {twice} is there twice"))
        return made

    try:
        return json.loads(text, object_pairs_hook=each_once)
    except json.JSONDecodeError as exc:
        raise ConfigError(printable(f"{path}:{exc.lineno}:{exc.colno}: not JSON: {exc.msg}")) from exc
    except (RecursionError, ValueError) as exc:  # brackets a thousand deep; a number of 5000 digits
        raise ConfigError(printable(f"{path}: is beyond reading: {exc}")) from exc


class _Reading:
    """One server's entry, and where it is, for what may be wrong with it."""

    def __init__(self, path: Path, text: str, name: str, env: Mapping[str, str]) -> None:
        self._path = path
        self._text = text
        self._name = name
        self._env = env

    def server(self, raw: object) -> Server | None:
        entry = self._checked(raw)
        given = entry.model_fields_set
        if entry.disabled:
            return None
        if entry.type == "sse":
            raise self._wrong("sse is the transport MCP gave up: use the server's streamable HTTP URL", "type")
        if entry.command is not None and entry.url is not None:
            raise self._wrong("has a command and a url: a server is a program or an address")
        if entry.command is not None:
            self._none_of(given & _REMOTE_KEYS, "is for a server with a url")
            if entry.type not in (None, "stdio"):
                raise self._wrong(f"is {entry.type}, and a command speaks stdio", "type")
            return self._local(entry, entry.command)
        if entry.url is not None:
            self._none_of(given & _LOCAL_KEYS, "is for a server with a command")
            if entry.type == "stdio":
                raise self._wrong("is stdio, and a url speaks http", "type")
            return self._remote(entry, entry.url)
        raise self._wrong("needs a command (a program) or a url (streamable HTTP)")

    def _checked(self, raw: object) -> _Entry:
        try:
            return _Entry.model_validate(raw)
        except ValidationError as exc:
            error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
            keys = [str(part) for part in error["loc"]]
            if error["type"] == "extra_forbidden":
                raise self._wrong(f"no such key{did_you_mean(keys[-1], _Entry.model_fields)}", *keys) from exc
            expected = error["msg"].removeprefix("Input should be ")
            if error["type"] == "model_type":
                expected = 'an object such as {"command": …}'
            raise self._wrong(f"expected {expected}", *keys) from exc

    def _local(self, entry: _Entry, command: str) -> LocalServer:
        if not command:
            raise self._wrong("is empty", "command")
        return LocalServer(
            self._name,
            self._filled(command, "command"),
            tuple(self._filled(arg, "args") for arg in entry.args),
            {key: self._filled(value, "env", key) for key, value in entry.env.items()},
            None if entry.cwd is None else self._path.parent / os.path.expanduser(entry.cwd),  # noqa: PTH111 - Path's raises without a home
        )

    def _remote(self, entry: _Entry, url: str) -> RemoteServer:
        url = self._filled(url, "url")
        if not re.match(r"https?://[^/]", url):
            raise self._wrong("expected a URL that begins with https:// or http://", "url")
        headers = {key: self._filled(value, "headers", key) for key, value in entry.headers.items()}
        for key, value in headers.items():
            if not _HEADER_NAME.fullmatch(key) or not _HEADER_VALUE.fullmatch(value):
                raise self._wrong("has a character in it that no header may have", "headers", key)
        try:
            host = urlsplit(url).hostname
        except ValueError as exc:  # http://[x
            raise self._wrong(f"is no URL: {exc}", "url") from exc
        if headers and url.startswith("http:") and not is_loopback(host or ""):
            raise self._wrong("headers go to another machine over https:// only: they may hold a secret", "url")
        return RemoteServer(self._name, url, headers)

    def _filled(self, text: str, *keys: str) -> str:
        def value_of(found: re.Match[str]) -> str:
            name, has_default, default = found[1].removeprefix("env:").partition(":-")
            value = self._env.get(name)
            if has_default:
                return value or default
            if value is None:
                raise self._wrong(f"the environment variable {name} is not set", *keys)
            return value

        return _PLACEHOLDER.sub(value_of, text)

    def _none_of(self, keys: frozenset[str] | set[str], why: str) -> None:
        if keys:
            raise self._wrong(why, min(keys))

    def _wrong(self, what: str, *keys: str) -> ConfigError:
        where = ".".join(("mcpServers", self._name, *keys))
        line = _line_of(self._text, ("mcpServers", self._name, *keys))
        return ConfigError(printable(f"{self._path}:{line}: {where}: {what}"))


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """Find the line of a key inside others; of the innermost that is spelled as we would."""
    found_at = at = 0
    for key in keys:
        spelled = re.escape(json.dumps(key, ensure_ascii=False))
        if (found := re.compile(rf"{spelled}\s*:").search(text, at)) is None:
            break
        found_at, at = found.start(), found.end()
    return text.count("\n", 0, found_at) + 1
