"""
What goes wrong on one connection, and when.

Theory of operation. Everything an exchange sends goes through `Mischief.send`, which changes, holds back, delays
or swallows it; with no faults it hands it on as it is. What strikes at a time has a task; what strikes in a turn is
asked for while that turn speaks (`due`), and the exchange calls `strike` for it. What has struck is remembered by
the session, so that a client that comes back is not struck again.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.sim import garble
from flashlive_cli.sim.delivery import CHUNK_MS
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.faulttable import FaultName, Manner, Strike
from flashlive_cli.sim.outbound import Message
from flashlive_cli.sim.schema import Refusal

QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."
_CLOSES: Final[Mapping[Strike, tuple[int, str]]] = {
    "close-1008": (1008, "The operation was aborted."),
    "close-1011": (1011, "Internal error encountered."),
    "quota": (1011, QUOTA),
}
_GO_AWAYS: Final[tuple[FaultName, ...]] = ("goaway-early", "goaway-mid-answer")


class Socket(Protocol):
    """What a connection can do to its client besides sending; called in the event loop, and must not wait."""

    def abort(self) -> None:
        """Cut the transport: no close frame (1006)."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind everything that was sent."""
        ...

    def delay_pongs(self, seconds: float) -> None:
        """From now on answer pings so many seconds late; 0 at once."""
        ...


class Mischief:
    """
    The faults of one connection.

    Args:
        faults: of the server and of the scenario.
        struck: what has struck in this session already; grows.
        send: where messages go in the end.
        socket: what `drop-1006`, `slow-pong` and closing faults act upon; None where there is none.
        tasks: where timers run; ends with the connection.
        note: takes one line for people for each fault that strikes.

    Attributes:
        turn: number of the session's turn that is under way; the exchange keeps it.
        on_go_away: sends a goAway that leaves so many seconds; an exchange's doing, as is the next.
        on_phantom: interrupts for no reason.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        struck: set[Fault],
        clock: Clock,
        send: Callable[[Message], None],
        socket: Socket | None,
        tasks: asyncio.TaskGroup,
        note: Callable[[str], None],
    ) -> None:
        self.turn = 0
        self.on_go_away: Callable[[float], None] = lambda _: None
        self.on_phantom: Callable[[], None] = lambda: None
        self._faults = tuple(faults)
        self._strikes = [fault for fault in faults if not fault.description.lasts]
        self._manners = [fault for fault in faults if fault.description.lasts]
        self._struck = struck
        self._clock = clock
        self._out = send
        self._socket = socket
        self._tasks = tasks
        self._note = note
        self._opened_s: float | None = None
        self._held: list[Message] | None = None  # while stalled
        self._mute = False
        self._merging: Message | None = None
        self._delayed: asyncio.Queue[tuple[float, Message]] | None = None

    def judge_setup(self) -> None:
        """Refuse the setup where a fault says so, with `Refusal`."""
        for fault in self._strikes:
            if fault.name == "quota" and fault.moment == (None, None) and self._first_time(fault):
                raise Refusal(1011, QUOTA)

    def open(self) -> None:
        """The setup is confirmed: times count from now."""
        self._opened_s = self._clock.now()
        for fault in self._strikes:
            at_s, _ = fault.moment
            if at_s is not None and fault not in self._struck and not self._is_idle_go_away(fault):
                self._tasks.create_task(self._strike_at(fault, self._opened_s + at_s), name=f"fault {fault}")
        for fault in self._manners:
            if fault.name == "slow-pong" and fault.turn is None:
                self._tasks.create_task(self._delay_pongs(fault), name=f"fault {fault}")
            elif fault.name == "jitter" and self._delayed is None:
                self._delayed = asyncio.Queue()
                self._tasks.create_task(self._deliver(self._delayed), name=f"fault {fault}")

    def _is_idle_go_away(self, fault: Fault) -> bool:
        """`stall-after-goaway` with another fault that sends one."""
        return fault.name == "stall-after-goaway" and any(other.name in _GO_AWAYS for other in self._faults)

    # manners

    def manner(self, name: Manner) -> Fault | None:
        """The fault of this name, if it holds now."""
        for fault in self._manners:
            if fault.name == name and self._holds(fault):
                return fault
        return None

    def _holds(self, fault: Fault) -> bool:
        if fault.turn is not None:
            return fault.turn == self.turn
        if not fault.at_s:
            return True
        return self._opened_s is not None and self._clock.now() - self._opened_s >= fault.at_s

    def pace(self, usual: float) -> float:
        """How many times faster than real time replies are generated."""
        fault = self.manner("slow-audio")
        return usual if fault is None else fault.value("pace")

    @property
    def chunk_ms(self) -> float:
        """How much sound a message carries."""
        fault = self.manner("tiny-chunks")
        return CHUNK_MS if fault is None else fault.value("ms")

    async def _delay_pongs(self, fault: Fault) -> None:
        await self._clock.sleep(fault.at_s or 0.0)
        if self._socket is not None:
            self._socket.delay_pongs(fault.value("seconds"))

    # strikes

    def due(self, said_s: float) -> Iterator[Fault]:
        """What strikes now in the turn under way, so many seconds of its audio having been sent."""
        for fault in self._strikes:
            _, turn = fault.moment
            after = fault.value("after") if "after" in fault.description.parameters else 0.0
            if turn is not None and turn == self.turn and said_s >= after and self._first_time(fault):
                yield fault

    async def _strike_at(self, fault: Fault, when: float) -> None:
        await self._clock.sleep_until(when)
        if self._first_time(fault):
            self.strike(fault)

    def _first_time(self, fault: Fault) -> bool:
        if fault in self._struck:
            return False
        self._struck.add(fault)
        self._note(f"fault {fault}")
        return True

    def strike(self, fault: Fault) -> None:
        """Play a fault, now."""
        match fault.name:
            case "drop-1006":
                if self._socket is not None:
                    self._socket.abort()
            case "close-1008" | "close-1011" | "quota":
                if self._socket is not None:
                    self._flush()
                    self._socket.close(*_CLOSES[fault.name])
            case "stall":
                self._flush()
                self._stall(fault.value("seconds"))
            case "malformed-json":
                self._flush()
                said: Message = {"serverContent": {"outputTranscription": {"text": "cut short"}}}
                self._pass(garble.cut_short(said))
            case "huge-message":
                self._flush()
                self._pass(garble.huge(fault.value("mib")))
            case "goaway-early" | "goaway-mid-answer" | "stall-after-goaway":
                self.on_go_away(fault.value("left"))
            case "phantom-interrupt":
                self.on_phantom()
            case lasting:
                _: Manner = lasting  # a strike without a case above fails the type check here

    def _stall(self, seconds: float) -> None:
        if self._held is None:
            self._held = []
            if seconds:
                self._tasks.create_task(self._release(seconds), name="stall")

    async def _release(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        held, self._held = self._held or [], None
        for message in held:
            self._pass(message)

    # the way out

    def send(self, message: Message) -> None:
        """Put a message on its way, as the faults would have it."""
        if self.manner("late-transcript") is not None:
            now, late = garble.transcripts_apart(message)
        else:
            now, late = [message], []
        for part in now:
            self._send_now(part)
        if late:
            fault = self.manner("late-transcript")
            assert fault is not None
            self._tasks.create_task(self._send_late(late, fault.value("seconds")), name="late transcript")

    async def _send_late(self, messages: Sequence[Message], seconds: float) -> None:
        await self._clock.sleep(seconds)
        for message in messages:
            self._send_now(message)

    def _send_now(self, message: Message) -> None:
        voiced = garble.without_audio(message) if self.manner("transcript-without-audio") else [message]
        for part in voiced:
            many = self.manner("many-parts")
            one = part if many is None else garble.in_parts(part, int(many.value("parts")))
            for sent in garble.with_unknown_fields(one) if self.manner("unknown-fields") else [one]:
                self._merge(sent)

    def _merge(self, message: Message) -> None:
        """What is sent before the loop turns again is sent at the same moment."""
        if self.manner("merged-fields") is None and self._merging is None:
            self._pass(message)
            return
        if self._merging is None:
            asyncio.get_running_loop().call_soon(self._flush)
            self._merging = message
            return
        both = garble.merged(self._merging, message)
        if both is None:
            self._pass(self._merging)
        self._merging = message if both is None else both

    def _flush(self) -> None:
        waiting, self._merging = self._merging, None
        if waiting is not None:
            self._pass(waiting)

    def _pass(self, message: Message) -> None:
        if self._mute:
            return
        if self._held is not None:
            self._held.append(message)
            return
        if "goAway" in message and any(fault.name == "stall-after-goaway" for fault in self._faults):
            self._mute = True
        if self._delayed is None:
            self._out(message)
            return
        jitter = self.manner("jitter")
        self._delayed.put_nowait((jitter.value("ms") / 1000 if jitter else 0.0, message))

    async def _deliver(self, delayed: "asyncio.Queue[tuple[float, Message]]") -> None:
        jitter = next(fault for fault in self._manners if fault.name == "jitter")
        chance = random.Random(int(jitter.value("seed")))  # noqa: S311 - the same each time is the point
        while True:
            late_s, message = await delayed.get()
            await self._clock.sleep(chance.uniform(0, late_s))
            self._out(message)
