"""
One scenario held: the engine of `flashlive talk`, over a real WebSocket, to the service or to the simulator.

The event loop belongs to the run; its clock runs `speed` times as fast as the wall's, against the simulator.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flashlive_cli.audio.rates import Resampler
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, FileError, FlashliveError, NoAnswer, ToolError
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import DEFAULT_MODEL, Model, find_model
from flashlive_cli.protocol.prices import find_price
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.recording.recorder import Recorder
from flashlive_cli.reports import Stamped, ToolPrinted
from flashlive_cli.scenario.clips import clip_of
from flashlive_cli.scenario.course import Course, TurnCourse
from flashlive_cli.scenario.judging import figures_of, judge_turn, judge_whole
from flashlive_cli.scenario.lateness import Lateness, told_of_lateness
from flashlive_cli.scenario.outcome import CallMade, Check, ErrorKind, Outcome, TurnOutcome
from flashlive_cli.scenario.pictures import open_pictures
from flashlive_cli.scenario.schema import Scenario, Turn
from flashlive_cli.scenario.scrubbing import scrubbed
from flashlive_cli.scenario.staging import Events, StagedSound, Staging
from flashlive_cli.scenario.stubs import make_toolbox
from flashlive_cli.scenario.variants import Case
from flashlive_cli.session.calls import nobody_to_ask
from flashlive_cli.session.endpoint import Endpoint, find_endpoint
from flashlive_cli.session.givens import Patience
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.setups import make_setup
from flashlive_cli.session.talk import Talk
from flashlive_cli.sim.server import serve
from flashlive_cli.toolbox import tool_prints_to
from flashlive_cli.toolset import Toolset


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """
    Where and how scenarios are run.

    Attributes:
        endpoint: of the service; None for the built-in simulator.
        secrets: what must not be written into evidence: the API key.
        speed: of the conversation's clock; 1 with the service.
        model: where a scenario names none.
        voice: likewise.
        prices: the user's own; see `protocol.prices.find_price`.
        evidence: folder in which each run keeps one of its own; None for nothing.
        seed: of what is made up.
    """

    endpoint: Endpoint | None = None
    secrets: tuple[str, ...] = ()
    speed: float = 1.0
    model: str = DEFAULT_MODEL
    voice: str | None = None
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evidence: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: turn `turn` of `turns` has begun, `0` for none."""

    turn: int
    turns: int


@dataclass(frozen=True, slots=True)
class Held:
    """
    A run that is over.

    Attributes:
        outcome: its verdict.
        course: all that happened, for a timeline.
    """

    outcome: Outcome
    course: Course


async def hold_case(
    case: Case, stage: Stage, *, repetition: int = 1, on_progress: Callable[[Progress], None] = lambda _: None
) -> Held:
    """
    Run a scenario once and judge it. What goes wrong with it is in the outcome; nothing of ours is raised.

    Reads files, and may start espeak-ng, before the conversation begins.
    """
    began_s = time.perf_counter()
    run = _Run(case, stage, repetition, on_progress)
    error: FlashliveError | None = None
    try:
        async with AsyncExitStack() as stack:
            await run.hold(stack)
    except FlashliveError as exc:
        error = exc
    run.course.finish()
    outcome = run.outcome(error, took_s=time.perf_counter() - began_s)
    return Held(scrubbed(outcome, stage.secrets), run.course)


class TooLong(FlashliveError):
    """The conversation did not come to its end in the time that the scenario gives it."""


class _Run:
    def __init__(self, case: Case, stage: Stage, repetition: int, on_progress: Callable[[Progress], None]) -> None:
        self.course = Course()
        self._case = case
        self._stage = stage
        self._repetition = repetition
        self._on_progress = on_progress
        self._clock = Clock(stage.speed)
        self._lateness = Lateness()
        self._staging: Staging | None = None
        self._evidence: Path | None = None
        self._model = case.scenario.model.id or stage.model
        self._duration_s = 0.0

    async def hold(self, stack: AsyncExitStack) -> None:
        scenario, clock = self._case.scenario, self._clock
        model = find_model(self._model)
        self._model = model.id
        clips = [clip_of(turn, turn.noise or scenario.noise, seed=self._stage.seed) for turn in scenario.turn]
        toolbox = make_toolbox(scenario.tools, clock)
        toolset = Toolset(toolbox) if toolbox is not None else None
        pictures = open_pictures(scenario, clock, self.course.shown.append)
        recorder = self._open_recorder(stack)
        events = Events()
        listen = _all_of([self.course.listen, events.listen, *([recorder.listen] if recorder else [])])
        stack.enter_context(tool_prints_to(lambda name, line: listen(Stamped(clock.now(), 0, ToolPrinted(name, line)))))
        sound = StagedSound(clock, self._played if recorder is None else _both(self._played, recorder.played))
        sound.microphone.on_paced = self._lateness.paced
        stack.push_async_callback(sound.close)
        self._staging = Staging(
            scenario,
            clips,
            clock=clock,
            course=self.course,
            events=events,
            microphone=sound.microphone,
            pictures=pictures,
            listener=listen,
            began=lambda number: self._on_progress(Progress(number + 1, len(scenario.turn))),
        )
        talk = Talk(
            endpoint=await stack.enter_async_context(self._far_end()),
            model=model,
            setup=_setup(scenario, model, toolset, self._stage.voice),
            sound=sound,
            tools=toolset,
            consent=_everything if scenario.tools.yes else nobody_to_ask,
            wishes=pictures.wishes if pictures is not None else None,
            eyes=pictures,
            witness=_Witness(self.course, recorder),
            listener=listen,
            clock=clock,
            patience=Patience(),
            limits=Limits(),
            price=find_price(model.id, self._stage.prices),
            simulated=self._stage.endpoint is None,
        )
        try:
            async with asyncio.timeout(clock.real(scenario.max_duration_s)) as limit:
                await talk.hold(self._staging.turns())
        except TimeoutError:
            if not limit.expired():
                raise
            raise TooLong(f"not over after {scenario.max_duration_s:g} s, its max_duration_s") from None
        finally:
            self._duration_s = 0.0 if self.course.ready_s is None else clock.now() - self.course.ready_s

    def outcome(self, error: FlashliveError | None, *, took_s: float) -> Outcome:
        case, course = self._case, self.course
        turns = tuple(self._turn_outcome(number, turn) for number, turn in enumerate(case.scenario.turn))
        checks = judge_whole(case.scenario.expect, course)
        if isinstance(error, TooLong):
            limit = f"to be over after {case.scenario.max_duration_s:g} s"
            checks = (*checks, Check("max_duration_s", False, limit, "a conversation that went on"))
            error = None
        if isinstance(error, NoAnswer) and course.ready_s is not None:  # an agent that is mute has not passed
            checks = (*checks, Check("answer", False, "a whole answer to any turn", "none"))
            error = None
        ok = all(check.ok for check in (*checks, *(check for turn in turns for check in turn.checks)))
        return Outcome(
            id=case.id,
            name=case.name,
            path=str(case.written.path),
            variant=dict(case.variant),
            repetition=self._repetition,
            seed=self._stage.seed,
            status="error" if error is not None else "passed" if ok else "failed",
            error=None if error is None else str(error),
            error_kind=None if error is None else _kind_of(error),
            turns=turns if course.turns or error is None else (),
            checks=checks if course.turns or error is None else (),
            warnings=tuple(course.warnings),
            model=self._model,
            simulated=self._stage.endpoint is None,
            duration_s=self._duration_s,
            took_s=took_s,
            cost_usd=course.cost_usd,
            evidence=None if self._evidence is None else str(self._evidence),
        )

    def _turn_outcome(self, number: int, turn: Turn) -> TurnOutcome:
        course = self.course.turns[number] if number < len(self.course.turns) else None
        checks = judge_turn(turn, course)
        if course is not None and turn.after is not None and self._staging and number in self._staging.missed:
            expected = f"{turn.after.event}, and {turn.after.ms} ms more"
            checks = (Check("after", False, expected, "an answer that had ended before"), *checks)
        seen = course or TurnCourse(0.0)
        checks = told_of_lateness(checks, turn.expect, seen, self._lateness, simulated=self._stage.endpoint is None)
        calls = tuple(CallMade(call.name, dict(call.args), call.ok, call.response) for call in seen.calls)
        return TurnOutcome(number + 1, _said(turn), checks, seen.heard, seen.reply, calls, figures_of(seen))

    def _open_recorder(self, stack: AsyncExitStack) -> Recorder | None:
        if self._stage.evidence is None:
            return None
        recorder = Recorder(
            self._stage.evidence,
            clock=self._clock,
            resampler=partial(Resampler, WIRE_IN.rate_hz, WIRE_OUT.rate_hz),
            secrets=self._stage.secrets,
            failed=self.course.warnings.append,
            name=self._case.id if self._repetition == 1 else f"{self._case.id}.{self._repetition}",
        )
        stack.enter_context(recorder)
        self._evidence = recorder.folder
        return recorder

    @asynccontextmanager
    async def _far_end(self) -> AsyncIterator[Endpoint]:
        if self._stage.endpoint is not None:
            yield self._stage.endpoint
            return
        script, doubt = self._case.written.script(), self.course.warnings.append
        async with serve(clock=self._clock, script=script, on_doubt=doubt) as server:
            yield find_endpoint(server.url, "simulator")

    def _played(self, pcm: bytes, at: float) -> None:
        self.course.played(pcm, at)


class _Witness:
    """Sees the wire and hears the user, for the course and for the recording; see `givens.Witness`."""

    def __init__(self, course: Course, recorder: Recorder | None) -> None:
        self._course = course
        self._recorder = recorder

    def sent(self, message: str, now: float) -> None:
        """See a message on its way to the server."""
        if self._recorder is not None:
            self._recorder.sent(message, now)

    def received(self, message: bytes, now: float) -> None:
        """See one of the server's messages."""
        if self._recorder is not None:
            self._recorder.received(message, now)

    def spoke(self, pcm: bytes, now: float) -> None:
        """Hear what was sent of the microphone."""
        self._course.spoke(pcm, now)
        if self._recorder is not None:
            self._recorder.spoke(pcm, now)


def _setup(scenario: Scenario, model: Model, toolset: Toolset | None, voice: str | None) -> c.Setup:
    name = scenario.voice.name or voice
    taking = scenario.turn_taking
    return make_setup(
        model,
        voice=find_voice(name) if name else None,
        system=scenario.system,
        language=scenario.voice.language,
        functions=toolset.functions if toolset is not None else (),
        search=scenario.model.search,
        temperature=scenario.model.temperature,
        thinking=scenario.model.thinking,
        push_to_talk=taking.push_to_talk,
        start_sensitivity=taking.start_sensitivity,
        end_sensitivity=taking.end_sensitivity,
        prefix_ms=taking.prefix_ms,
        silence_ms=taking.silence_ms,
        no_interrupt=taking.no_interrupt,
    )


def _said(turn: Turn) -> str:
    if turn.silence_ms is not None:
        return f"silence of {turn.silence_ms} ms"
    return turn.text or turn.say_text or Path(turn.say or "").name


def _kind_of(error: FlashliveError) -> ErrorKind:
    return "usage" if isinstance(error, ConfigError | FileError | ToolError) else "service"


async def _everything(name: str, args: object) -> str | None:
    """Allow every call: the scenario says so."""
    del name, args
    return None


def _both(
    first: Callable[[bytes, float], None], then: Callable[[bytes, float], None]
) -> Callable[[bytes, float], None]:
    def played(pcm: bytes, at: float) -> None:
        first(pcm, at)
        then(pcm, at)

    return played


def _all_of(listeners: Iterable[Callable[[Stamped], None]]) -> Callable[[Stamped], None]:
    taken = tuple(listeners)

    def listen(stamped: Stamped) -> None:
        for listener in taken:
            listener(stamped)

    return listen
