"""What handles bring back, and until when."""

import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.sim import memory as memory_module
from flashlive_cli.sim.memory import NOT_BEFORE_S, VALID_S, Memory
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup, judge_setup

MODEL = "models/gemini-3.8-live"
SPEED = 1000.0


class Time:
    """The time of the conversation, which the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.clock = Clock(SPEED, source=lambda: self.now_s / SPEED)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def memory(time: Time) -> Memory:
    return Memory(time.clock)


def setup(handle: str = "") -> Setup:
    return judge_setup({"model": MODEL, "sessionResumption": {"handle": handle}}, version="v1beta")


def issue(memory: Memory, session: Session) -> str:
    return memory.issue(session, setup().model)


async def refusal(memory: Memory, handle: str) -> int:
    with pytest.raises(Refusal) as caught:
        await memory.resume(setup(handle))
    return caught.value.code


async def test_every_handle_of_a_session_brings_it_back_once_its_socket_is_gone(memory, time) -> None:
    session = Session(setup(), None)
    handles = [issue(memory, session) for _ in range(3)]

    assert [await refusal(memory, handle) for handle in handles] == [1011] * 3, "the socket is open"

    memory.leave(session, goodbye=False)
    assert [await refusal(memory, handle) for handle in handles] == [1011] * 3, "it was just now"

    time.now_s = NOT_BEFORE_S
    assert await memory.resume(setup(handles[0])) is session
    assert await refusal(memory, handles[1]) == 1011, "it has a socket again"

    memory.leave(session, goodbye=False)
    time.now_s += VALID_S + 1
    assert [await refusal(memory, handle) for handle in handles] == [1008] * 3, "that is too long ago"


async def test_one_session_leaves_without_the_others(memory, time) -> None:
    gone, there = Session(setup(), None), Session(setup(), None)
    of_gone, of_there = issue(memory, gone), issue(memory, there)

    memory.leave(gone, goodbye=False)
    time.now_s = NOT_BEFORE_S

    assert await refusal(memory, of_there) == 1011
    assert await memory.resume(setup(of_gone)) is gone


async def test_the_oldest_handles_are_forgotten(memory, time, monkeypatch) -> None:
    monkeypatch.setattr(memory_module, "MOST_HANDLES", 2)
    session = Session(setup(), None)
    oldest, *others = [issue(memory, session) for _ in range(3)]
    memory.leave(session, goodbye=False)
    time.now_s = NOT_BEFORE_S

    assert await refusal(memory, oldest) == 1008
    assert await memory.resume(setup(others[0])) is session
