"""
What a scenario tells the simulator: the `[turn.sim]` tables of its file.

    [[turn]]
    say = "where-is-my-order.wav"          # the scenario runner's business, like everything outside [turn.sim]
    [turn.sim]
    heard = "Where is my order A-1001?"    # the input transcript of a spoken turn
    calls = [{ name = "check_order_status", args = { order_id = "A-1001" } }]
    reply = "Your order: {result}"         # what is said; after the calls are answered, when there are any
    voice_wav = "answer.wav"               # said with this recording; relative to the scenario file
    sees = 1                               # at least so many pictures come with the turn; 0: none does
    delay_ms = 2000                        # think this long, instead of as long as the model family does
    faults = ["drop-1006"]                 # what goes wrong in this turn; `faults` at the top hold for the scenario

`{result}` in a reply stands for what the calls answered, put into words, and `{check_order_status}` for what
the call of that name answered; `{seen}` stands for the pictures that came with the turn, put into words. A call
that answers `error` is apologised for instead. A call may have an `answer`, a regular expression that the client's
answer, as JSON, is expected to match.

Turns are used up in order, one for each turn of the user, spoken or typed; a `[[turn]]` without `[turn.sim]` is
one of them, and is answered as if there were no script. A turn of `silence_ms` is none: nobody hears it; nor is
one without `[turn.sim]` that expects `silence`. What a client does otherwise than the scenario says (`text`, `say`,
`answer`, `sees`) is noted by the session, and answered all the same. A turn whose reply was lost with the connection is
answered as before where the user takes it again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import meant_or_known
from flashlive_cli.sim.faults import Fault, bind, parse_fault
from flashlive_cli.sim.voice import Recorded, read_wav

_KEYS: Final = ("heard", "reply", "calls", "voice_wav", "delay_ms", "sees", "faults")
_CALL_KEYS: Final = ("name", "args", "answer")
SEEN: Final = "{seen}"
PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.:-]*)\}")
"""What a reply may hold of the answers of calls."""


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """
    A function to call, and with what.

    Attributes:
        answer: a regular expression the answer is expected to match somewhere in its JSON; None for any answer.
    """

    name: str
    args: Mapping[str, Any]
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptedTurn:
    """
    One `[turn.sim]`; what is None or empty is left to the simulator.

    Attributes:
        typed: what the scenario has the user type; None for a turn that is spoken, or that says neither.
        spoken: the scenario has the user speak.
        sees: how many pictures it has come with the turn at least, none where 0; None where it does not say.
    """

    heard: str | None = None
    reply: str | None = None
    calls: tuple[ScriptedCall, ...] = ()
    recording: Recorded | None = None
    delay_ms: int | None = None
    typed: str | None = None
    spoken: bool = False
    sees: int | None = None

    @property
    def said_as_is(self) -> str | None:
        """The reply, when nothing must be filled in and no recording says it."""
        if self.reply is None or self.recording is not None or PLACEHOLDER.search(self.reply):
            return None
        return self.reply


@dataclass(frozen=True, slots=True)
class Script:
    """The turns of a scenario, in order, and all that is to go wrong in it."""

    turns: tuple[ScriptedTurn, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_script(table: Mapping[str, Any], path: Path) -> Script:
    """
    Read the turns of a scenario's table. Recordings it names are read too, so this may take a while.

    Args:
        table: of the whole file; what is not the simulator's is overlooked.
        path: of the file, for messages; recordings are named relative to it.

    Raises:
        FileError: a recording cannot be read.
        ConfigError: a key is unknown, or its value of the wrong type; names the file, the turn and the key.
    """
    turns = table.get("turn", [])
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ConfigError(f"{path}: `turn` must be written as [[turn]] tables")
    read: list[ScriptedTurn] = []
    faults = _faults(str(path), table.get("faults"))
    for number, turn in enumerate(turns, 1):
        reader = _Turn(path, number)
        if "sim" in turn and "silence_ms" in turn:
            raise ConfigError(f"{reader.where}: nobody hears a turn of silence_ms, so it has no [turn.sim]")
        if "silence_ms" not in turn and ("sim" in turn or not _expects_silence(turn)):
            text = turn.get("text")
            typed = text if isinstance(text, str) else None
            spoken = "say" in turn or "say_text" in turn
            read.append(replace(reader.read(turn.get("sim", {})), typed=typed, spoken=spoken))
            faults += reader.faults(turn.get("sim", {}), len(read))
    return Script(tuple(read), faults)


def _expects_silence(turn: Mapping[str, Any]) -> bool:
    """Whether nothing of a turn is meant to be heard: a knock, or a noise."""
    expect = turn.get("expect")
    return isinstance(expect, dict) and expect.get("silence") is True


def fill(reply: str, results: Mapping[str, str]) -> str:
    """Put the answers of calls, by function name, in place of the placeholders."""
    named = {"result": " ".join(results.values())} | dict(results)
    return PLACEHOLDER.sub(lambda match: named.get(match[1], match[0]), reply)


def _faults(where: str, listed: object) -> tuple[Fault, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise ConfigError(f'{where}: `faults` must be a list of texts, like ["goaway-early"]')
    try:
        return tuple(parse_fault(text) for text in listed)
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from exc


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
        sees = self._typed(sim, "sees", int, "a number of pictures")
        if sees is not None and not 0 <= sees <= 1000:
            raise ConfigError(f"{self.where}: sees must be between 0 and 1000")
        for name in PLACEHOLDER.findall(reply or ""):
            if name not in known and name != "seen":
                raise ConfigError(
                    f"{self.where}: {{{name}}} in `reply` stands for nothing"
                    + (meant_or_known(name, known) if known else ", because the turn makes no calls")
                )
        return ScriptedTurn(
            heard=self._typed(sim, "heard", str, "text"),
            reply=reply,
            calls=calls,
            recording=None if recording is None else read_wav(self.path.parent / recording),
            delay_ms=delay_ms,
            sees=sees,
        )

    def faults(self, sim: Mapping[str, object], turn: int) -> tuple[Fault, ...]:
        """What goes wrong in this turn, which is the session's turn of that number."""
        read = _faults(self.where, sim.get("faults"))
        for fault in read:
            if fault.at_s is not None or fault.turn is not None:
                raise ConfigError(f"{self.where}: fault {fault} happens in its turn; leave out what follows the @")
            try:
                bind(fault.description, "turn")
            except ConfigError as exc:
                raise ConfigError(f"{self.where}: {exc}; write it at the top of the file") from exc
        return tuple(replace(fault, turn=turn) for fault in read)

    def _call(self, call: object) -> ScriptedCall:
        if not isinstance(call, dict):
            raise ConfigError(f"{self.where}: each of `calls` must be {{ name = …, args = {{ … }} }}")
        self._know(call, _CALL_KEYS, "in `calls`")
        name = self._typed(call, "name", str, "text")
        if not name:
            raise ConfigError(f"{self.where}: a call needs a `name`")
        args = self._typed(call, "args", dict, "a table") or {}
        self._sayable(args)
        answer = self._typed(call, "answer", str, "a regular expression")
        try:
            re.compile(answer or "")
        except (re.error, ValueError, OverflowError, RecursionError) as exc:
            raise ConfigError(f"{self.where}: `answer` is no regular expression: {exc}") from exc
        return ScriptedCall(name, args, answer)

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
                raise ConfigError(f"{self.where}: unknown key `{key}` {place}{meant_or_known(key, keys)}")

    def _typed(self, table: Mapping[str, Any], key: str, kind: type, what: str) -> Any:
        value = table.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ConfigError(f"{self.where}: `{key}` must be {what}")
        return value
