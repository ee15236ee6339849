"""
What to say and which function to call: from the script while it lasts, then by itself.

Without a script it acknowledges what it received. Typed text with a word of a function's name in it calls that
function; of spoken turns the second does, and every third after it. Then it says what the function answered.
Asked for a story or something long, it talks for a good while. It says it is a simulator first of all, and never
the same thing twice in a row.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flashlive_cli.sim import smalltalk
from flashlive_cli.sim.arguments import arguments
from flashlive_cli.sim.script import SEEN, Script, ScriptedCall, ScriptedTurn, fill
from flashlive_cli.sim.setup import Tool
from flashlive_cli.sim.sight import Picture, described
from flashlive_cli.sim.voice import Recorded

_FIRST_CALL: Final = 2
_CALL_EVERY: Final = 3
_RESULT: Final = 400
_READ: Final = 2000
"""Characters of a typed text that are looked at."""

_ASKS_FOR_LENGTH: Final = re.compile(r"(?i)\b(long|longer|story|stories)\b")

# words that many functions begin with and many sentences contain
_EVERYDAY_WORDS: Final = "get set do run make show tell find give take the a an my of for in on to is and by"
_EVERYDAY: Final = frozenset(_EVERYDAY_WORDS.split())


@dataclass(frozen=True, slots=True)
class Spoken:
    """The user spoke for so many seconds, perhaps showing pictures."""

    seconds: float
    stills: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """The user typed, perhaps with pictures."""

    text: str
    stills: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How a turn of the user is answered.

    Attributes:
        heard: the input transcript of a spoken turn.
        calls: functions to call first.
        reply: words to say, to be filled with results when there are calls; None: see `Mind.tell`.
        recording: what they sound like; None for a synthetic voice.
        delay_ms: how long to think; None for the model family's own time.
        turn: its number in the session, from 1.
    """

    heard: str
    calls: tuple[ScriptedCall, ...] = ()
    reply: str | None = None
    recording: Recorded | None = None
    delay_ms: int | None = None
    turn: int = field(default=0, compare=False)


class Mind:
    """The part of a session that decides."""

    def __init__(self, script: Script | None = None) -> None:
        self._script = (script or Script()).turns
        self._turn = 0  # how many the user has taken
        self._spoken = 0
        self._introduced = False
        self._last_said = ""
        self._stories = 0

    def expected(self) -> ScriptedTurn | None:
        """The turn the scenario expects next; None when there is no more."""
        return self._script[self._turn] if self._turn < len(self._script) else None

    def answer(self, turn: Spoken | Written, tools: Sequence[Tool]) -> Plan:
        """Decide how to answer a turn of the user. Called once for each, in order."""
        scripted = self._script[self._turn] if self._turn < len(self._script) else ScriptedTurn()
        self._turn += 1
        self._spoken += isinstance(turn, Spoken)
        heard = scripted.heard
        if heard is None:
            heard = smalltalk.words_for_speech(turn.seconds) if isinstance(turn, Spoken) else turn.text
        if scripted.calls or scripted.reply is not None or scripted.recording is not None:
            self._introduced = True
            reply = scripted.reply
            if reply is not None:
                reply = reply.replace(SEEN, described(turn.stills) or "I see no picture.")
            if reply is None and not scripted.calls:
                reply = ""
            if not scripted.calls and reply is not None:
                self._last_said = reply
            return Plan(heard, scripted.calls, reply, scripted.recording, scripted.delay_ms, self._turn)
        text = heard if scripted.heard is not None else turn.text if isinstance(turn, Written) else ""
        call = self._call(turn, text[:_READ], tools)
        if call is not None:
            return Plan(heard, (call,), delay_ms=scripted.delay_ms, turn=self._turn)
        reply = self._say(self._acknowledgement(turn, text[:_READ]))
        return Plan(heard, reply=reply, delay_ms=scripted.delay_ms, turn=self._turn)

    def upcoming(self, n_turns: int) -> list[str]:
        """Replies of the script's next turns that will be said word for word."""
        replies = [turn.said_as_is for turn in self._script[self._turn : self._turn + n_turns]]
        return [reply for reply in replies if reply is not None]

    def tell(self, plan: Plan, results: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
        """
        Put into words what the functions answered.

        Args:
            plan: whose calls were made.
            results: function name and response, in the order of the calls.
        """
        worded: dict[str, str] = {}
        failures = []
        for name, response in results:
            if response.get("error") is not None:
                failures.append(f"I am sorry, {_spaced(name)} failed: {_in_words(response['error']).rstrip('.')}.")
            else:
                said = _in_words(response.get("output", response.get("result", response)))
                worded[name] = f"{worded[name]} {said}" if name in worded else said
        if failures:
            return self._say(" ".join(failures))
        if plan.reply is not None:
            self._last_said = fill(plan.reply, worded)
            return self._last_said
        told = [smalltalk.told(_spaced(name), said.rstrip(".") or "nothing") for name, said in worded.items()]
        return self._say(" ".join(told) or smalltalk.DONE)

    def _call(self, turn: Spoken | Written, text: str, tools: Sequence[Tool]) -> ScriptedCall | None:
        if not tools:
            return None
        if text:
            named = _named_tool(text, tools)
            if named is not None:
                return ScriptedCall(named.name, arguments(named.parameters, text))
        if isinstance(turn, Spoken) and self._spoken % _CALL_EVERY == _FIRST_CALL:
            tool = tools[self._spoken // _CALL_EVERY % len(tools)]
            return ScriptedCall(tool.name, arguments(tool.parameters, text))
        return None

    def _acknowledgement(self, turn: Spoken | Written, text: str) -> str:
        if _ASKS_FOR_LENGTH.search(text):
            self._stories += 1
            return smalltalk.STORIES[(self._stories - 1) % len(smalltalk.STORIES)]
        received = []
        if isinstance(turn, Spoken):
            received.append(smalltalk.heard(turn.seconds))
        elif text.strip():
            received.append(smalltalk.read(text.strip()))
        if turn.stills:
            received.append(described(turn.stills))
        return " ".join(received) or smalltalk.LISTENING

    def _say(self, words: str) -> str:
        if not self._introduced:
            self._introduced = True
            words = f"{smalltalk.INTRODUCTION} {words}"
        if words == self._last_said:
            words = f"{smalltalk.AGAIN} {words}"
        self._last_said = words
        return words


def _named_tool(text: str, tools: Sequence[Tool]) -> Tool | None:
    """The function of which the text has the most telling words; the first declared among equals."""
    words = {_singular(word) for word in re.findall(r"\w+", text.lower())}
    best: tuple[int, Tool] | None = None
    for tool in tools:
        # get_weather, getWeather and get-weather have the same words
        apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", tool.name).lower()
        name = {_singular(word) for word in re.split(r"[\s_.:-]+", apart) if word}
        score = len(words & ((name - _EVERYDAY) or name))
        if score and (best is None or score > best[0]):
            best = (score, tool)
    return None if best is None else best[1]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _spaced(name: str) -> str:
    return re.sub(r"[_.:-]+", " ", name).strip() or name


def _in_words(value: Any) -> str:
    """A function's answer as it could be said."""
    if isinstance(value, str):
        said = value
    elif isinstance(value, Mapping):
        said = ", ".join(f"{_spaced(str(name))} {_in_words(item)}" for name, item in value.items())
    elif isinstance(value, list):
        said = ", ".join(_in_words(item) for item in value)
    elif value is None:
        said = "nothing"
    elif isinstance(value, bool):
        said = "yes" if value else "no"
    else:
        said = json.dumps(value)
    said = " ".join(said.split())
    return said if len(said) <= _RESULT else said[: _RESULT - 1] + "…"
