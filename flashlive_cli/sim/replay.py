"""
A recording performed: the client is followed through its steps, and each step lets the server's messages go.

What the client says otherwise than on the tape is told and, where it is of the same sort, taken for the step all the
same; what has no place there is told and passed over. The server's messages never overtake one another.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.sim import inbound
from flashlive_cli.sim.outbound import new_handle
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.setup import Setup
from flashlive_cli.sim.tape import Begun, Cue, Discrete, End, Heard, Scene, Step, Tape, ids_of, seconds_of

SLACK_S: Final = 0.1
"""Of sound: how much less than on the tape is still the same."""
MOST_HANDLES: Final = 10_000
_QUOTED: Final = 80


class Repertoire:
    """
    Which scene of a tape a connection gets. Pure.

    Talks are performed in the order of the tape, over and over; a handle issued in one scene leads to the next one.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._n_begun = 0
        self._handles: dict[str, tuple[int, int]] = {}

    def begin(self, handle: str) -> tuple[Scene, Callable[[], str]]:
        """
        Return a scene, and what makes a handle to the scene after it.

        Raises:
            Refusal: the handle is none of ours, or the tape holds no more of this talk.
        """
        if handle:
            if handle not in self._handles:
                raise Refusal(1008, "Requested entity was not found.")
            talk, number = self._handles[handle]
        else:
            talk, number = self._n_begun % len(self._tape.talks), 0
            self._n_begun += 1
        scenes = self._tape.talks[talk]
        if number >= len(scenes):
            raise Refusal(1008, "Requested entity was not found. The recording has no further connection.")

        def issue() -> str:
            made = new_handle()
            self._handles[made] = (talk, number + 1)
            if len(self._handles) > MOST_HANDLES:
                del self._handles[next(iter(self._handles))]
            return made

        return scenes[number], issue


class Replay:
    """
    The server's side of one connection, from a tape.

    Args:
        issue_handle: makes what stands in for a recorded handle.
        send: puts a frame on its way, in order, without waiting.
        close: says goodbye after it.
        tell: takes one line for each thing that is otherwise than on the tape.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        issue_handle: Callable[[], str],
        clock: Clock,
        send: Callable[[Cue], None],
        close: Callable[[Refusal], None],
        tell: Callable[[str], None],
    ) -> None:
        self._scene = scene
        self._issue_handle = issue_handle
        self._clock = clock
        self._send = send
        self._close = close
        self._tell = tell
        self._at = 0
        self._since = [clock.now()]
        self._heard_s = 0.0
        self._answered: set[tuple[str, bool]] = set()
        self._names = {
            answer.call_id: answer.name
            for step in scene.steps
            if isinstance(step, inbound.Answers)
            for answer in step.answers
        }
        self._moved = asyncio.Event()
        self._over = False

    def compare(self, model: str, setup: Setup) -> None:
        """Tell in what a setup is not the tape's; `model` is the one asked for, whatever the setup counts as."""
        wanted = self._scene.setup
        if model != self._scene.model:
            self._tell(f"expected model {self._scene.model[:_QUOTED]}, got {model[:_QUOTED]}")
        tools, known = sorted(tool.name for tool in setup.tools), sorted(tool.name for tool in wanted.tools)
        if tools != known:
            self._tell(f"expected tools {', '.join(known) or 'none'}, got {', '.join(tools) or 'none'}")

    async def play(self) -> None:
        """Send what the tape holds, each message when its step was taken; ends with the tape."""
        for cue in self._scene.cues:
            await self._due(cue)
            self._send(self._with_own_handle(cue))
        if self._scene.end is not None:
            await self._due(self._scene.end)
            self._close(Refusal(self._scene.end.code, self._scene.end.reason))
        self._over = True

    def receive(self, said: inbound.ClientMessage) -> None:
        """Follow the client by one thing that it said."""
        match said:
            case inbound.Audio():
                self._hear(seconds_of(said))
            case inbound.Still():
                pass
            case inbound.Answers():
                self._take_answers(said)
            case _:
                self._take(said)

    def leave(self) -> None:
        """The client is gone: tell what it did not say."""
        left = [step for step in self._scene.steps[self._at + 1 :] if not isinstance(step, Heard)]
        if left and self._scene.end is None:
            self._tell(f"the client left before {_words(left[0])}")

    async def _due(self, cue: Cue | End) -> None:
        while self._at < cue.step or (self._at == cue.step and self._heard_s + SLACK_S < cue.heard_s):
            self._moved.clear()
            await self._moved.wait()
        await self._clock.sleep_until(self._since[cue.step] + cue.after_s)

    def _with_own_handle(self, cue: Cue) -> Cue:
        update = cue.message.get("sessionResumptionUpdate")
        if not isinstance(update, dict) or not update.get("newHandle"):
            return cue
        own: Mapping[str, Any] = {
            **cue.message,
            "sessionResumptionUpdate": {**update, "newHandle": self._issue_handle()},
        }
        return Cue(cue.step, cue.after_s, cue.heard_s, own)

    def _next(self) -> Step | None:
        steps = self._scene.steps
        return steps[self._at + 1] if self._at + 1 < len(steps) else None

    def _advance(self) -> None:
        self._at += 1
        self._since.append(self._clock.now())
        self._heard_s = 0.0
        self._moved.set()

    def _hear(self, seconds: float) -> None:
        if isinstance(self._next(), Heard):
            self._advance()
        if isinstance(self._scene.steps[self._at], Heard):
            self._heard_s += seconds
            self._moved.set()

    def _take(self, said: Discrete) -> None:
        wanted = self._next_discrete()
        if wanted is None:
            self._tell(f"{_words(said)} after the end of the recording")
            if self._over:  # rather than let the client wait for an answer that nobody has
                self._close(Refusal(1011, "The recording ends here."))
            return
        if type(wanted) is not type(said) and not (_is_text(wanted) and _is_text(said)):
            self._tell(f"expected {_words(wanted)}, got {_words(said)}")
            return
        if not _same(wanted, said):
            self._tell(f"expected {_words(wanted)}, got {_words(said)}")
        self._pass_sound(said)
        self._advance()
        self._tick()

    def _take_answers(self, said: inbound.Answers) -> None:
        for answer in said.answers:
            name = self._names.get(answer.call_id)
            if name is None:
                self._tell(f"an answer to {answer.call_id[:_QUOTED]}, which the recording does not hold")
            elif answer.name and name and answer.name != name:
                self._tell(f"expected an answer of {name}, got one of {answer.name[:_QUOTED]}")
        self._answered.update(ids_of(said))
        self._tick()

    def _tick(self) -> None:
        """Take every step of answers that are all there: they may come in other messages, and in another order."""
        while isinstance(wanted := self._next_discrete(), inbound.Answers) and self._answered.issuperset(
            ids_of(wanted)
        ):
            self._pass_sound(wanted)
            self._advance()

    def _next_discrete(self) -> Step | None:
        steps = self._scene.steps
        return next((step for step in steps[self._at + 1 :] if not isinstance(step, Heard)), None)

    def _pass_sound(self, said: Discrete) -> None:
        """Tell of sound that should have come before, and go on without it."""
        current = self._scene.steps[self._at]
        if isinstance(current, Heard) and self._heard_s + SLACK_S < current.needed_s:
            self._tell(f"expected {current.needed_s:.1f} s of sound before {_words(said)}, heard {self._heard_s:.1f} s")
        while isinstance(missed := self._next(), Heard):
            self._tell(f"expected {missed.needed_s:.1f} s of sound before {_words(said)}, heard none")
            self._advance()


def _is_text(step: Step) -> bool:
    return isinstance(step, inbound.Typed | inbound.Content)


def _same(wanted: Step, said: Discrete) -> bool:
    """The content is the same, too, as far as it matters."""
    match wanted:
        case inbound.Typed():
            return isinstance(said, inbound.Typed) and said.text == wanted.text
        case inbound.Content():
            return isinstance(said, inbound.Content) and (said.text, said.turn_complete) == (
                wanted.text,
                wanted.turn_complete,
            )
        case _:
            return type(wanted) is type(said)


def _words(step: Step) -> str:
    match step:
        case Begun():
            words = "a setup"
        case Heard():
            words = f"{step.needed_s:.1f} s of sound"
        case inbound.Typed():
            words = f"live text {step.text[:_QUOTED]!r}"
        case inbound.Content():
            words = f"content {step.text[:_QUOTED]!r}" + ("" if step.turn_complete else ", turn not complete")
        case inbound.ActivityStart():
            words = "activityStart"
        case inbound.ActivityEnd():
            words = "activityEnd"
        case inbound.AudioStreamEnd():
            words = "audioStreamEnd"
        case inbound.Answers():
            words = f"answers to {', '.join(answer.name or answer.call_id for answer in step.answers)[:_QUOTED]}"
        case inbound.ContextUpdate():
            words = "contextUpdate"
        case _:
            assert_never(step)
    return words
