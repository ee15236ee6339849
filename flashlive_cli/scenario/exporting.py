"""
A recorded talk -> a scenario: the user's clips, what to expect of each turn, and what the simulator plays.

What is written passes on the simulator, and is a beginning for the service: a person should look at each expectation.
"""

import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.pcm import WIRE_IN
from flashlive_cli.printable import printable
from flashlive_cli.private import save_private
from flashlive_cli.recording.folder import Session, read_session
from flashlive_cli.scenario.course import Called
from flashlive_cli.scenario.judging import figures_of
from flashlive_cli.scenario.playing import played_by_simulator
from flashlive_cli.scenario.recorded import LEAD_S, RecordedTurn, Recording, read_recording
from flashlive_cli.scenario.suggesting import expected_args, first_half, limit_ms, pattern_of, stub_of
from flashlive_cli.scenario.toml import key, paragraphs, sayable, spelled
from flashlive_cli.sim.hearing import Sensitivity, sensitivity
from flashlive_cli.sim.smalltalk import without_smalltalk

FILE: Final = "scenario.toml"

_ANCHORS: Final = ("reply.first_sample", "reply.started", "tool.called", "transcript", "session.ready")
"""What a turn that cuts in comes after, the nearest to what the user reacted to first."""
_LATE_S: Final = 0.5
"""So long after an answer its end may be told, on a busy machine: who speaks then has waited for it."""
_KEPT_PAUSE_S: Final = 0.7
_SHORT_PAUSE_S: Final = 0.5
"""
Within a clip: pauses longer than the first are made as short as the second. Voice detectors may take a longer one for
the turn's end, and then it would be two.
"""
_ANSWER_MS: Final = 2300
_INTERRUPTED_MS: Final = 550
_FLUSHED_MS: Final = 100
"""Least limits, beside what the simulator waits to know that speech has ended or begun: it has to meet them, too."""
_QUICK_MS: Final = 100
"""A tool that took less takes no time."""
_TAKEN_BACK_MS: Final = 5000
_SPARE_S: Final = 60.0
_DEFAULT_MAX_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Exported:
    """
    What was written.

    Attributes:
        path: of the scenario.
        n_turns: in it.
        notes: what is not as it was in the talk, a line each.
    """

    path: Path
    n_turns: int
    notes: tuple[str, ...]


def export_scenario(folder: Path, directory: Path) -> Exported:
    """
    Make a scenario of a recorded talk.

    Args:
        folder: of `talk --record`.
        directory: where to; made if missing, and empty.

    Raises:
        FileError: the talk cannot be read, or the scenario not be written.
        ConfigError: there is something in the directory, or no turn in the talk that was answered.
    """
    recording = read_recording(folder)
    made = _Making(recording, read_session(folder))
    text = made.text()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigError(printable(f"{directory}: there is something in it; give a scenario a folder of its own"))
    except (OSError, ValueError) as exc:
        raise FileError(printable(f"{directory}: cannot be written: {reason_of(exc)}")) from exc
    for name, pcm in made.clips.items():
        save_private(directory / name, _wav(pcm))
    save_private(directory / FILE, text)
    return Exported(directory / FILE, len(made.turns), tuple(made.notes))


def _wav(pcm: bytes) -> bytes:
    """Return what was sent of the user's sound as a WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(WIRE_IN.frame_bytes)
        sound.setframerate(WIRE_IN.rate_hz)
        sound.writeframes(pcm)
    return held.getvalue()


@dataclass(slots=True)
class _Making:
    """
    A scenario on its way.

    Attributes:
        clips: sound by file name, once the text is made.
        notes: likewise.
    """

    recording: Recording
    session: Session
    turns: list[RecordedTurn] = field(init=False)
    clips: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = list(self.recording.turns)
        while self.turns and not self.turns[-1].answered:
            said = self.turns.pop()
            self.notes.append(f"{said.typed or said.heard!r} at {said.begun_s:.1f} s was not answered: left out")
        if not self.turns:
            raise ConfigError(printable(f"{self.session.id}: there is no turn in it that was answered"))
        if self.recording.n_wordless:
            self.notes.append(f"{self.recording.n_wordless} sounds in which no words were understood: left out")

    def text(self) -> str:
        """Write the file."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# Made from the recording {printable(self.session.id)}. What is expected are suggestions: look at them."
        yield f"name = {spelled(sayable(f'talk of {self.session.when:%Y-%m-%d %H:%M}'))}"
        setup = _Setup(self.recording.setup)
        if setup.system:
            # at its beginning, @ would name a file
            system = sayable(setup.system)
            yield f"system = {paragraphs(f' {system}' if system.startswith('@') else system)}"
        length_s = 2 * self.recording.duration_s + _SPARE_S
        if length_s > _DEFAULT_MAX_S:
            yield f"max_duration_s = {round(length_s)}"
        model = self.session.story.model or setup.model
        for name, table in (
            ("model", ({"id": model} if model else {}) | setup.model_options),
            ("voice", {"name": setup.voice} if setup.voice else {}),
            ("turn_taking", setup.turn_taking),
        ):
            if table:
                yield ""
                yield f"[{name}]"
                yield from (f"{key(each)} = {spelled(value)}" for each, value in table.items())
        for declared in setup.functions:
            yield from self._stub(declared)
        taking = _taking(setup.turn_taking)
        longest_s = min(_KEPT_PAUSE_S, 0.6 * taking.silence_ms / 1000)
        for number, turn in enumerate(self.turns):
            yield from self._turn(number, turn, longest_s, taking)

    def _stub(self, declared: Mapping[str, Any]) -> Iterator[str]:
        name = str(declared["name"])
        calls = self._calls_of(name)
        yield ""
        yield f"[tools.stubs.{key(sayable(name))}]"
        if not calls:
            yield "# was not called"
        if len({call.ok for call in calls if call.ok is not None}) > 1:
            self.notes.append(f"{name} failed in some calls and not in others; its stub never fails")
        stub = stub_of([(call.ok, _result(call)) for call in calls])
        for what, value in stub.items():
            if value is None or sayable(value) != value:
                self.notes.append(f"{name} answered null, which TOML cannot say: left out, or put as text")
            yield f"{what} = {spelled('null' if value is None else sayable(value))}"
        if (takes_ms := _takes_ms(calls)) >= _QUICK_MS:
            yield f"takes_ms = {takes_ms}"
        if description := declared.get("description"):
            yield f"description = {spelled(sayable(str(description)))}"
        if declared.get("behavior") in {"BLOCKING", "NON_BLOCKING"}:
            yield f"blocking = {spelled(declared['behavior'] == 'BLOCKING')}"
        if isinstance(parameters := sayable(declared.get("parameters")), dict):
            yield f"[tools.stubs.{key(sayable(name))}.parameters]"
            properties = parameters.pop("properties", None)
            yield from (f"{key(each)} = {spelled(value)}" for each, value in parameters.items())
            if isinstance(properties, dict):
                yield f"[tools.stubs.{key(sayable(name))}.parameters.properties]"
                yield from (f"{key(each)} = {spelled(value)}" for each, value in properties.items())

    def _calls_of(self, name: str) -> list[Called]:
        return [call for turn in self.turns for call in turn.course.calls if call.name == name and not call.repeats]

    def _turn(self, number: int, turn: RecordedTurn, longest_s: float, taking: Sensitivity) -> Iterator[str]:
        yield ""
        yield "[[turn]]"
        if turn.typed is not None:
            yield f"text = {paragraphs(sayable(turn.typed))}"
        elif not turn.phrases:
            self.notes.append(f"turn {number + 1} has no sound in the recording: espeak-ng says it")
            yield f"say_text = {spelled(sayable(turn.heard))}"
        else:
            name = f"turn-{number + 1}.wav"
            self.clips[name], pause_s = self.recording.clip(turn, longest_s, min(_SHORT_PAUSE_S, longest_s))
            if pause_s > longest_s:
                self.notes.append(f"turn {number + 1}: a pause of {pause_s:.1f} s in it was cut short")
            yield f"say = {spelled(name)}"
        after = self._after(number) if number else None
        if after is not None:
            yield f"after = {spelled(after)}"
        expect = self._expect(number, turn, taking)
        yield "[turn.expect]"
        if "reply" not in expect:
            yield "# reply = …: no word of what was answered is worth expecting"
        yield from (f"{name} = {spelled(value)}" for name, value in expect.items())
        following = self._after(number + 1) if number + 1 < len(self.turns) else None
        cut_s = (following or {}).get("ms", 0) / 1000 if self._cut(number) else 0.0
        yield "[turn.sim]"
        for name, value in played_by_simulator(turn, until_s=cut_s).items():
            yield f"{name} = {spelled(value)}"

    def _cut(self, number: int) -> bool:
        """Whether the next turn cut this one's answer."""
        return number + 1 < len(self.turns) and self.turns[number + 1].course.interrupted_s is not None

    def _after(self, number: int) -> dict[str, Any] | None:
        """Say what a turn comes after; None where that is the answer to the one before, to its end."""
        before, turn = self.turns[number - 1], self.turns[number]
        replies = before.course.replies
        ends_s = max(replies[-1].ended_s or turn.begun_s + 1, before.course.answered_until_s or 0) if replies else None
        over = ends_s is not None and ends_s <= turn.begun_s + LEAD_S + _LATE_S
        if over and turn.course.interrupted_s is None:
            return None
        for kind in _ANCHORS:
            times = [t for event, t in self.recording.events if event == kind and before.begun_s <= t <= turn.begun_s]
            if times:
                return {"event": kind, "ms": round((turn.begun_s - times[0]) * 1000)}
        return None

    def _expect(self, number: int, turn: RecordedTurn, taking: Sensitivity) -> dict[str, Any]:
        course = turn.course
        calls = [call for call in course.calls if not call.repeats]
        figures = figures_of(course)
        facts = " ".join(str(value) for call in calls for value in (*call.args.values(), call.response))
        asked = turn.heard if turn.typed is None else turn.typed
        cut = self._cut(number) and course.replies
        reply = without_smalltalk(course.replies[-1].heard if cut else course.reply)
        wanted: dict[str, Any] = {}
        if turn.typed is None:
            wanted["heard"] = pattern_of(sayable(without_smalltalk(turn.heard)))
        if not any(call.ok is False for call in calls):  # of these the simulator says that it is sorry
            pattern = partial(pattern_of, facts=facts, topic=asked)
            wanted["reply"] = (pattern(sayable(first_half(reply))) if cut else None) or pattern(sayable(reply))
        if calls:
            wanted["calls"] = [
                {"name": call.name} | ({"args": args} if (args := sayable(expected_args(call.args))) else {})
                for call in calls
            ]
        if number and self._cut(number - 1):
            wanted["interrupted"] = True
            least = round(_INTERRUPTED_MS + taking.speech_ms)
            wanted["interrupted_within_ms"] = limit_ms(figures.interrupted_ms, least=least)
            wanted["flushed_within_ms"] = limit_ms(figures.flushed_ms, least=_FLUSHED_MS)
        waits_ms = sum(_takes_ms(self._calls_of(call.name)) for call in calls) + (
            taking.silence_ms if turn.typed is None else 0
        )
        wanted["first_audio_within_ms"] = limit_ms(figures.first_audio_ms, least=round(_ANSWER_MS + waits_ms))
        return {name: value for name, value in wanted.items() if value is not None}


class _Setup:
    """What the client asked for, as a scenario says it; whatever is missing or odd is left out."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self._setup = setup
        tools = setup.get("tools")
        self._tools = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []

    @property
    def model(self) -> str | None:
        """The model's id."""
        return self._text("model", tables=()).removeprefix("models/") or None

    @property
    def model_options(self) -> dict[str, Any]:
        """`[model]` but for the id."""
        options: dict[str, Any] = {}
        temperature = self._table("generationConfig").get("temperature")
        if isinstance(temperature, int | float):
            options["temperature"] = float(temperature)
        if level := self._text("thinkingLevel", ("generationConfig", "thinkingConfig")):
            options["thinking"] = level.lower()
        if any("googleSearch" in tool for tool in self._tools):
            options["search"] = True
        return options

    @property
    def voice(self) -> str | None:
        """The voice's name."""
        tables = ("generationConfig", "speechConfig", "voiceConfig", "prebuiltVoiceConfig")
        return self._text("voiceName", tables) or None

    @property
    def system(self) -> str:
        """The instruction; empty for none."""
        parts = self._table("systemInstruction").get("parts")
        texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        return "\n".join(text for text in texts if isinstance(text, str))

    @property
    def turn_taking(self) -> dict[str, Any]:
        """`[turn_taking]`."""
        detection = self._table("realtimeInputConfig", "automaticActivityDetection")
        found: dict[str, Any] = {}
        for ours, theirs in (("silence_ms", "silenceDurationMs"), ("prefix_ms", "prefixPaddingMs")):
            if isinstance(detection.get(theirs), int):
                found[ours] = detection[theirs]
        for ours, theirs in (("start", "startOfSpeech"), ("end", "endOfSpeech")):
            word = str(detection.get(f"{theirs}Sensitivity", "")).rpartition("_")[2].lower()
            if word in {"high", "low"}:
                found[f"{ours}_sensitivity"] = word
        if self._text("activityHandling", ("realtimeInputConfig",)) == "NO_INTERRUPTION":
            found["no_interrupt"] = True
        if detection.get("disabled") is True:
            found["push_to_talk"] = True
        return found

    @property
    def functions(self) -> list[Mapping[str, Any]]:
        """Declarations of tools."""
        lists = [tool.get("functionDeclarations") for tool in self._tools]
        declared = [each for listed in lists if isinstance(listed, list) for each in listed]
        return [each for each in declared if isinstance(each, dict) and isinstance(each.get("name"), str)]

    def _table(self, *names: str) -> Mapping[str, Any]:
        table: Any = self._setup
        for name in names:
            table = table.get(name) if isinstance(table, dict) else None
        return table if isinstance(table, dict) else {}

    def _text(self, name: str, tables: tuple[str, ...]) -> str:
        value = (self._table(*tables) if tables else self._setup).get(name)
        return value if isinstance(value, str) else ""


def _taking(options: Mapping[str, Any]) -> Sensitivity:
    """Return how the simulator takes turns where a scenario says this in `[turn_taking]`."""
    return sensitivity(
        silence_ms=options.get("silence_ms"),
        prefix_ms=options.get("prefix_ms"),
        eager_start=options.get("start_sensitivity") != "low",
        eager_end=options.get("end_sensitivity") != "low",
    )


def _result(call: Called) -> Any:
    response = call.response or {}
    return response.get("output" if call.ok else "error", dict(response))


def _takes_ms(calls: Sequence[Called]) -> int:
    """Return how long a tool takes: its longest call; one that was only ever taken back takes long enough for that."""
    took = [call.finished_s - call.at_s for call in calls if call.finished_s is not None]
    if not took and any(call.cancelled for call in calls):
        return _TAKEN_BACK_MS
    return round(max(took, default=0.0) * 1000)
