"""
What a live talk leaves behind, for `--resume`: the handle of its session, and what was said.

Kept in the user's state folder, readable by its owner only, one for each service and model. A handle is good for two
hours after the connection's end (session guide of ai.google.dev); after that the words are what is left.
"""

import queue
import threading
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Literal, Self

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.statefile import read_state, write_state
from flashlive_cli.protocol.commands import Content
from flashlive_cli.reports import (
    ReplyComplete,
    ReplyStarted,
    SessionClosed,
    SessionReady,
    SessionResumed,
    Stamped,
    Transcript,
)
from flashlive_cli.session.givens import Left

if TYPE_CHECKING:
    from collections.abc import Callable

FILE: Final = "talks.json"
HANDLE_LASTS_S: Final = 2 * 60 * 60.0
MOST_KEPT: Final = 20
"""Services and models; the oldest is forgotten."""


def open_leaver(cast: Cast, screen: Screen, stack: AsyncExitStack, *, resume: bool) -> "Leaver | None":
    """Find what is to be taken up, and keep what a live talk leaves; None where neither is wanted."""
    if cast.ears is None and not resume:
        return None
    endpoint = cast.far_end.endpoint
    service = endpoint.host if endpoint is not None else "simulator"
    found = left_by(service, cast.model.id) if resume else None
    if resume and found is None:
        screen.warn(f"--resume: no earlier talk with {cast.model.id} is kept; this one begins anew")
    leaver = Leaver(service, cast.model.id, found=found)
    stack.enter_context(leaver)
    screen.tell_too(leaver.listen)
    return leaver


def left_by(service: str, model: str) -> Left | None:
    """Return what the last live talk with a model of a service has left; None for nothing."""
    kept = _read().get(_name(service, model))
    if not isinstance(kept, dict):
        return None
    try:
        age_s = max(0.0, time.time() - float(kept["at"]))  # noqa: TID251 - from one process to another
        turns = tuple(Content(_role(role), str(text)) for role, text in kept["turns"])
        handle = str(kept["handle"]) if kept["handle"] and age_s < HANDLE_LASTS_S else None
    except (KeyError, TypeError, ValueError):
        return None
    return Left(handle, turns)


class Leaver:
    """
    Keeps what a talk leaves, whenever that has changed; a context, and a `reports.Listener`.

    A talk at which nobody has said anything yet leaves nothing: who began one by mistake wants the one before.

    Attributes:
        found: what the talk before has left, and this one takes up.
        left: tells what this one leaves; asked in the loop.

    A thread `flashlive-leaver` writes: the loop never waits for a file.
    """

    def __init__(self, service: str, model: str, *, found: Left | None = None) -> None:
        """Be for a talk with a model of a service, which takes up what was `found`."""
        self.found = found
        self.left: Callable[[], Left] = lambda: Left(None)
        self._name = _name(service, model)
        self._said = False  # anything, by anybody
        self._waiting: queue.SimpleQueue[Left | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="flashlive-leaver", daemon=True)

    def __enter__(self) -> Self:
        """Begin to keep."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Keep the last, but do not wait long for a disk."""
        self._waiting.put(None)
        self._thread.join(1.0)

    def listen(self, stamped: Stamped) -> None:
        """Keep what there is, where something has changed; a talk that has nothing to leave takes nothing away."""
        begins = not self._said and isinstance(stamped.report, Transcript | ReplyStarted | ReplyComplete)
        self._said |= begins
        match stamped.report:
            case SessionReady() | SessionResumed() | ReplyComplete() | SessionClosed() | Transcript(final=True):
                self.keep()
            case _ if begins:
                self.keep()
            case _:
                pass

    def keep(self) -> None:
        """Keep what there is, as there is a newer handle; returns at once."""
        left = self.left()
        if left.turns or (self._said and left.handle is not None):
            self._waiting.put(left)

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            newest, goes_on = self._take_all()
            if newest is not None:
                _keep(self._name, newest)

    def _take_all(self) -> tuple[Left | None, bool]:
        """Wait for something to keep; return the newest, and whether more may come."""
        newest, goes_on = None, True
        while True:
            match self._waiting.get():
                case None:
                    goes_on = False
                case left:
                    newest = left
            if self._waiting.empty():
                return newest, goes_on


def _keep(name: str, left: Left) -> None:
    kept = _read()
    kept.pop(name, None)
    kept[name] = {
        "at": time.time(),  # noqa: TID251 - for another process
        "handle": left.handle,
        "turns": [[turn.role, turn.text] for turn in left.turns],
    }
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    write_state(FILE, kept)


def _role(role: object) -> Literal["user", "model"]:
    if role not in {"user", "model"}:
        raise ValueError(role)
    return "user" if role == "user" else "model"


def _name(service: str, model: str) -> str:
    return f"{service} {model}"


def _read() -> dict[str, object]:
    kept = read_state(FILE)
    return kept if isinstance(kept, dict) else {}
