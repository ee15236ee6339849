"""
What a scenario tells the simulator: the `[turn.sim]` tables of its file.

    [[turn]]
    say = "where-is-my-order.wav"          # the scenario runner's business, like everything outside [turn.sim]
    [turn.sim]
    heard = "Where is my order A-1001?"    # the input transcript of a spoken turn
    calls = [{ name = "check_order_status", args = { order_id = "A-1001" } }]
    reply = "Your order: {result}"         # what is said; after the calls are answered, when there are any
    voice_wav = "answer.wav"               # said with this recording; relative to the scenario file
    delay_ms = 2000                        # think this long, instead of as long as the model family does

`{result}` in a reply stands for what the calls answered, put into words, and `{check_order_status}` for what
the call of that name answered. A call that answers `error` is apologised for instead.

Turns are used up in order, one for each turn of the user, spoken or typed; a `[[turn]]` without `[turn.sim]` is
one of them, and is answered as if there were no script. A turn of `silence_ms` is none: nobody hears it.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.sim.voice import Recorded, read_wav

_KEYS: Final = ("heard", "reply", "calls", "voice_wav", "delay_ms")
_CALL_KEYS: Final = ("name", "args")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.:-]*)\}")


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A function to call, and with what."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScriptedTurn:
    """One `[turn.sim]`; what is None or empty is left to the simulator."""

    heard: str | None = None
    reply: str | None = None
    calls: tuple[ScriptedCall, ...] = ()
    recording: Recorded | None = None
    delay_ms: int | None = None

    @property
    def said_as_is(self) -> str | None:
        """The reply, when nothing must be filled in and no recording says it."""
        if self.reply is None or self.recording is not None or _PLACEHOLDER.search(self.reply):
            return None
        return self.reply


@dataclass(frozen=True, slots=True)
class Script:
    """The turns of a scenario, in order."""

    turns: tuple[ScriptedTurn, ...] = ()


def load_script(path: Path) -> Script:
    """
    Read the turns of a scenario file. Recordings it names are read too, so this may take a while.

    Raises:
        FileError: the file or a recording cannot be read, or is not TOML (with its line).
        ConfigError: a key is unknown, or its value of the wrong type; names the file, the turn and the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise FileError(f"{path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise FileError(f"{path}: not UTF-8 text") from exc
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"at line (\d+)", str(exc))
        line = found[1] if found else len(text.splitlines())  # "at end of document"
        raise FileError(f"{path}:{line}: not TOML: {exc}") from exc
    turns = table.get("turn", [])
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ConfigError(f"{path}: `turn` must be written as [[turn]] tables")
    read = []
    for number, turn in enumerate(turns, 1):
        reader = _Turn(path, number)
        if "sim" in turn and "silence_ms" in turn:
            raise ConfigError(f"{reader.where}: nobody hears a turn of silence_ms, so it has no [turn.sim]")
        if "silence_ms" not in turn:
            read.append(reader.read(turn.get("sim", {})))
    return Script(tuple(read))


def fill(reply: str, results: Mapping[str, str]) -> str:
    """Put the answers of calls, by function name, in place of the placeholders."""
    named = {"result": " ".join(results.values())} | dict(results)
    return _PLACEHOLDER.sub(lambda match: named.get(match[1], match[0]), reply)


@dataclass(frozen=True, slots=True)
class _Turn:
    path: Path
    number: int

    @property
    def where(self) -> str:
        return f"{self.path}: turn {self.number}"

    def read(self, sim: object) -> ScriptedTurn:
        if not isinstance(sim, dict):
            raise ConfigError(f"{self.where}: `sim` must be a table, [turn.sim]")
        self._know(sim, _KEYS, "in [turn.sim]")
        calls = tuple(self._call(call) for call in self._typed(sim, "calls", list, "a list") or [])
        reply = self._typed(sim, "reply", str, "text")
        recording = self._typed(sim, "voice_wav", str, "a file name")
        delay_ms = self._typed(sim, "delay_ms", int, "a number of milliseconds")
        if delay_ms is not None and not 0 <= delay_ms <= 3_600_000:
            raise ConfigError(f"{self.where}: delay_ms must be between 0 and an hour")
        known = ["result", *(call.name for call in calls)] if calls else []
        for name in _PLACEHOLDER.findall(reply or ""):
            if name not in known:
                raise ConfigError(
                    f"{self.where}: {{{name}}} in `reply` stands for nothing"
                    + (_nearest(name, known) if known else ", because the turn makes no calls")
                )
        return ScriptedTurn(
            heard=self._typed(sim, "heard", str, "text"),
            reply=reply,
            calls=calls,
            recording=None if recording is None else read_wav(self.path.parent / recording),
            delay_ms=delay_ms,
        )

    def _call(self, call: object) -> ScriptedCall:
        if not isinstance(call, dict):
            raise ConfigError(f"{self.where}: each of `calls` must be {{ name = …, args = {{ … }} }}")
        self._know(call, _CALL_KEYS, "in `calls`")
        name = self._typed(call, "name", str, "text")
        if not name:
            raise ConfigError(f"{self.where}: a call needs a `name`")
        args = self._typed(call, "args", dict, "a table") or {}
        self._sayable(args)
        return ScriptedCall(name, args)

    def _sayable(self, value: object) -> None:
        """TOML's dates and infinities have no JSON."""
        if isinstance(value, dict | list):
            for child in value.values() if isinstance(value, dict) else value:
                self._sayable(child)
        elif not isinstance(value, str | int) and not (isinstance(value, float) and abs(value) < float("inf")):
            raise ConfigError(f"{self.where}: {value} in `args` cannot be said in JSON; write it as text")

    def _know(self, table: Mapping[str, object], keys: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in keys:
                raise ConfigError(f"{self.where}: unknown key `{key}` {place}{_nearest(key, keys)}")

    def _typed(self, table: Mapping[str, Any], key: str, kind: type, what: str) -> Any:
        value = table.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ConfigError(f"{self.where}: `{key}` must be {what}")
        return value


def _nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"
