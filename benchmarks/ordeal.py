"""
A talk at which much goes wrong, drawn from a number: which model, what is said, which faults, what kind of line.

The same number draws the same ordeal again; what comes of it differs with what the machine does meanwhile. The truth
about it is what passed over the simulator's sockets (`heard_and_said`) and over ours (`dials`).
"""

import asyncio
import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final, Literal

from benchmarks.bad_line import Toxics, bad_line
from benchmarks.talks import BOOKING, CLIP, Bookings, Files
from flashlive_cli.audio.clips import open_wav
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FlashliveError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import find_model
from flashlive_cli.reports import Report, Stamped
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Patience, Spoken, Turn, Typed
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.talk import Talk
from flashlive_cli.session.wishes import Mute, Push, Say, StopReply, Wish
from flashlive_cli.sim.faults import Fault, parse_fault
from flashlive_cli.sim.faulttable import FAULTS
from flashlive_cli.sim.server import serve
from flashlive_cli.sim.wire import Opened, Passed, WireEvent

SPEED: Final = 40.0
MOST_S: Final = 60.0
"""Real seconds; nothing here takes half as many."""
MODELS: Final = (
    "gemini-3.1-flash-live-preview",
    "gemini-3.8-live",
    "gemini-3.8-live-extended-thinking",
    "gemini-2.5-flash-native-audio-latest",
)
LINES: Final = ("hello", "please book a table", "and what else?", "tell me a long story", "is it raining?")
DRAWN: Final = {
    "left": (0.5, 60), "after": (0.0, 3.0), "times": (0, 4), "seconds": (0.0, 12.0), "mib": (0.1, 3), "ms": (5, 60),
    "pace": (0.3, 3.0), "parts": (2, 8), "seed": (1, 99),
}  # fmt: skip
"""From where to where the parameters of faults are drawn."""
WHOLE: Final = {"times", "parts", "seed"}


@dataclass(frozen=True)
class Ordeal:
    """
    What is to happen.

    Attributes:
        seed: it was drawn from this.
        model: its id.
        faults: of the simulator.
        toxics: of the line; None for a good one.
        turns: to be said one after another: a line to type, or None for the clip. Empty for a live talk.
        live: for how many seconds a live talk goes on, with a user who does this and that; 0 for turns.
    """

    seed: int
    model: str
    faults: tuple[Fault, ...]
    toxics: Toxics | None
    turns: tuple[str | None, ...]
    live: float

    def __str__(self) -> str:
        faults = ",".join(map(str, self.faults)) or "no fault"
        line = "good line" if self.toxics is None else "corrupting line" if self.toxics.corrupts else "bad line"
        what = f"live {self.live:.0f} s" if self.live else " / ".join(line or "(clip)" for line in self.turns)
        return f"{self.seed}: {self.model}, {faults}, {line}: {what}"


def draw(seed: int) -> Ordeal:
    """Draw an ordeal."""
    random = Random(seed)  # noqa: S311 - a draw that can be repeated
    faults = tuple(_fault(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3))))
    toxics = None
    if random.random() < 0.4:
        toxics = Toxics(Random(seed), corrupts=random.choice((0.0, 0.0, 0.3)), delays=0.3)  # noqa: S311 - the same
    live = random.uniform(5, 40) if random.random() < 0.3 else 0.0
    turns: list[str | None] = [*random.sample(LINES, random.randrange(1, 4)), *[None] * random.choice((0, 1, 1))]
    random.shuffle(turns)
    return Ordeal(seed, random.choice(MODELS), faults, toxics, () if live else tuple(turns), live)


def _fault(random: Random) -> Fault:
    description = FAULTS[random.choice(tuple(FAULTS))]
    moments = [
        "",
        *(["time"] if "time" in description.binds else []),
        *(["turn"] if "turn" in description.binds else []),
    ]
    match random.choice(moments):
        case "time":
            when = f"@{random.uniform(0, 20):.1f}"
        case "turn":
            when = f"@turn{random.randrange(1, 4)}"
        case _:
            when = ""
    values = ""
    for name, parameter in description.parameters.items():
        if name == "code":
            values += f":code={random.choice((1007, 1008, 1011))}"
        elif name == "after" and description.lasts:
            values += f":after={random.uniform(3, 30):.1f}"
        elif random.random() < 0.7:
            least, most = DRAWN[name]
            value = random.uniform(max(least, parameter.least), min(most, parameter.most))
            values += f":{name}={round(value) if name in WHOLE else round(value, 2)}"
    return parse_fault(description.name + when + values)


@dataclass
class Dial:
    """One connection as we saw it: what was sent and what was taken of it, in order."""

    sent: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)


@dataclass
class Story:
    """
    What came of an ordeal.

    Attributes:
        ordeal: what was to happen.
        error: what the talk ended with; None where all went well.
        told: its reports, in order, with their times.
        begun: how many reports there were when each turn began.
        dials: our side of the wire.
        heard_and_said: the simulator's, with its connections.
        connections: that the line or the simulator has seen.
        booked: how often the tool ran.
        took_s: real seconds.
    """

    ordeal: Ordeal
    error: BaseException | None = None
    told: list[Stamped] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    dials: list[Dial] = field(default_factory=list)
    heard_and_said: list[WireEvent] = field(default_factory=list)
    booked: int = 0
    took_s: float = 0.0

    # session.givens.Witness

    def sent(self, message: str, now: float) -> None:
        """See what goes out; a setup begins a connection."""
        del now
        if message.startswith('{"setup"'):
            self.dials.append(Dial())
        self.dials[-1].sent.append(message)

    def received(self, message: bytes, now: float) -> None:
        """See what comes in."""
        del now
        self.dials[-1].received.append(message)

    def spoke(self, pcm: bytes, now: float) -> None:
        """Nothing of interest."""

    def reports(self) -> list[Report]:
        """The reports without their times."""
        return [stamped.report for stamped in self.told]

    def passed(self, by: Literal["c", "s"]) -> list[list[bytes]]:
        """What the simulator heard (`c`) or said (`s`), by connection, in the order of the connections."""
        found: dict[int, list[bytes]] = {}
        for event in self.heard_and_said:
            if isinstance(event, Opened):
                found[event.connection] = []
            elif isinstance(event, Passed) and event.by == by:
                found.setdefault(event.connection, []).append(event.raw)
        return [found[number] for number in sorted(found)]


async def undergo(ordeal: Ordeal) -> Story:
    """
    Hold the talk; what went wrong with it is in the story.

    Raises:
        TimeoutError: it hung.
    """
    story, clock = Story(ordeal), Clock(SPEED)
    sound, tools, wishes = Files(clock), Bookings(clock, 0.5), asyncio.Queue[Wish]()
    random = Random(ordeal.seed + 1)  # noqa: S311 - a draw that can be repeated
    began_s = clock.now()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            serve(clock=clock, faults=ordeal.faults, on_wire=story.heard_and_said.append)
        )
        url = server.url
        if ordeal.toxics is not None:
            url, _ = await stack.enter_async_context(bad_line(server.port, ordeal.toxics))
        model = find_model(ordeal.model)
        talk = Talk(
            endpoint=find_endpoint(url, "k"),
            model=model,
            setup=c.Setup(model=model.resource, functions=(BOOKING,)),
            sound=sound,
            tools=tools,
            listener=story.told.append,
            witness=story,
            clock=clock,
            wishes=wishes,
            patience=Patience(setup_s=5, stall_s=6, answer_s=30),
            limits=Limits(duration_s=ordeal.live) if ordeal.live else None,
        )
        stack.push_async_callback(sound.close)
        async with asyncio.timeout(MOST_S):
            try:
                async with asyncio.TaskGroup() as group:
                    if ordeal.live:
                        user = group.create_task(_live(random, clock, sound, wishes), name="user")
                    await talk.hold(None if ordeal.live else _turns(ordeal, sound, story))
                    if ordeal.live:
                        user.cancel()
            except* FlashliveError as failures:
                story.error = failures.exceptions[0]
    story.booked, story.took_s = tools.calls, clock.real(clock.now() - began_s)
    return story


def _turns(ordeal: Ordeal, sound: Files, story: Story) -> Iterator[Turn]:
    for line in ordeal.turns:
        story.begun.append(len(story.told))
        if line is not None:
            yield Typed(line)
            continue
        with contextlib.closing(open_wav(str(CLIP))) as clip:
            yield Spoken("clip", partial(sound.microphone.play, clip))


async def _live(random: Random, clock: Clock, sound: Files, wishes: "asyncio.Queue[Wish]") -> None:
    """Do this and that, at any moment."""
    n_lines = 0
    while True:
        await clock.sleep(-math.log(random.random()) * 3)
        match random.choice(("speak", "speak", "type", "type", "stop", "mute", "push")):
            case "speak":
                with contextlib.closing(open_wav(str(CLIP))) as clip:
                    await sound.microphone.play(clip)
            case "type":
                n_lines += 1
                wishes.put_nowait(Say(f"{random.choice(LINES)} ({n_lines})"))
            case "stop":
                wishes.put_nowait(StopReply())
            case kind:
                wish = Mute if kind == "mute" else Push
                wishes.put_nowait(wish(True))
                await clock.sleep(random.uniform(0, 3))
                wishes.put_nowait(wish(False))
