"""Tool calls in flight, over a real WebSocket: consent, interim answers, calls that come twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flashlive_cli.errors import ConnectionLost
from flashlive_cli.reports import ToolAsked, ToolCalled, ToolCancelled, ToolFinished, ToolProgressed
from flashlive_cli.session.givens import Patience, Typed

WORDS = {"serverContent": {"outputTranscription": {"text": "Hi."}}}
TURN = {"serverContent": {"turnComplete": True}}
INTERRUPTED = {"serverContent": {"interrupted": True}}


@dataclass
class Outcome:
    response: dict[str, object]
    final: bool = True


class Shop:
    """`order` waits until it is let go; `count` yields; `refund` asks first."""

    names = ("order", "count", "refund")

    def __init__(self, scheduling: str | None = None) -> None:
        self.ordered: list[dict[str, object]] = []
        self.go = asyncio.Event()
        self.closed = 0
        self._scheduling = scheduling

    def asks(self, name: str) -> bool:
        return name == "refund"

    def scheduling(self, name: str) -> str | None:
        return self._scheduling

    async def outcomes(self, name: str, args: dict[str, object]) -> Any:
        try:
            if name == "count":
                yield Outcome({"output": 1}, final=False)
                yield Outcome({"output": 2}, final=False)
                yield Outcome({"output": "done"})
            elif name == "order":
                self.ordered.append(args)
                await self.go.wait()
                yield Outcome({"output": f"order {len(self.ordered)}"})
            else:
                yield Outcome({"output": "refunded"})
        finally:
            self.closed += 1


def call(*calls: tuple[str, str, Any]) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": i, "name": name, "args": args} for i, name, args in calls]}}


async def answers(peer: Any, n: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < n:
        found += (await peer.next()).get("toolResponse", {}).get("functionResponses", [])
    return found


def far_end(play: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Take setup and typed line, then what the test plays, then an answer and the goodbye."""

    async def behave(peer: Any) -> None:
        await peer.setup()
        await peer.next()
        await play(peer)
        await peer.say(WORDS)
        await peer.end_turn()
        await peer.socket.wait_closed()

    return behave


async def test_a_call_that_comes_again_after_stop_is_answered_with_the_first_result(loopback) -> None:
    """gemini-3.8-live does that with blocking calls; both ids are answered, and the shop got one order."""
    shop, told = Shop(), []

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {"item": "tea"})))
        await peer.say(INTERRUPTED, TURN, call(("b", "order", {"item": "tea"})))
        await peer.say(call(("c", "order", {"item": "milk"})))
        while len(shop.ordered) < 2:
            await asyncio.sleep(0.001)
        shop.go.set()
        told.extend(await answers(peer, 3))
        await peer.end_turn()  # what was not waited for is told in the next turn

    talk = loopback(far_end(play), model="gemini-3.8-live")
    await talk.hold(Typed("order tea"), tools=shop)

    assert talk.error is None
    assert shop.ordered == [{"item": "tea"}, {"item": "milk"}]
    by_id = {answer["id"]: answer["response"]["output"] for answer in told}
    assert by_id["a"] == by_id["b"]
    assert {r.id: r.duplicate_of for r in talk.told(ToolCalled)} == {"a": None, "b": "a", "c": None}
    assert len(talk.told(ToolFinished)) == 3


async def test_a_call_just_done_that_comes_again_after_stop_is_not_run_again(loopback) -> None:
    shop, told = Shop(), []
    shop.go.set()

    async def play(peer: Any) -> None:
        for step in (call(("a", "order", {})), call(("b", "order", {}))):
            await peer.say(step)
            told.extend(await answers(peer, 1))
            await peer.say(INTERRUPTED)

    talk = loopback(far_end(play))
    await talk.hold(Typed("order"), tools=shop)

    assert [answer["response"] for answer in told] == [{"output": "order 1"}] * 2
    assert shop.ordered == [{}]


async def test_a_call_asked_for_anew_after_an_answered_turn_is_run_again(loopback) -> None:
    shop, told = Shop(), []
    shop.go.set()

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {})))
        told.extend(await answers(peer, 1))
        await peer.say_audio(1, 40)
        await peer.say(INTERRUPTED, {"serverContent": {"turnComplete": True}})
        await peer.say_audio(2, 40)
        await peer.end_turn()
        await peer.say(call(("b", "order", {})))
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play))
    await talk.hold(Typed("order"), tools=shop)

    assert [answer["response"] for answer in told] == [{"output": "order 1"}, {"output": "order 2"}]


async def test_what_is_asked_for_again_is_done_again(loopback) -> None:
    """Twice in one message, or again when the first is done and nobody cut in: both are meant."""
    shop, told = Shop(), []
    shop.go.set()

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {}), ("b", "order", {})))
        told.extend(await answers(peer, 2))
        await peer.say(call(("c", "order", {})))
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play))
    await talk.hold(Typed("order"), tools=shop)

    assert len(shop.ordered) == 3
    assert not [r for r in talk.told(ToolCalled) if r.duplicate_of]


async def test_a_call_that_was_taken_back_is_run_when_it_comes_again(loopback) -> None:
    shop, told = Shop(), []

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {})), {"toolCallCancellation": {"ids": ["a"]}})
        shop.go.set()
        await peer.say(call(("b", "order", {})))
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play))
    await talk.hold(Typed("order"), tools=shop)

    assert [answer["id"] for answer in told] == ["b"]
    assert [r.id for r in talk.told(ToolCancelled)] == ["a"]


@pytest.mark.parametrize(
    ("model", "responses"),
    [
        ("gemini-3.8-live", [({"output": 1}, True), ({"output": 2}, True), ({"output": "done"}, None)]),
        ("gemini-3.1-flash-live-preview", [({"output": [1, 2, "done"]}, None)]),
    ],
)
async def test_interim_answers_go_out_as_they_come_where_the_model_takes_them(loopback, model, responses) -> None:
    told: list[dict[str, Any]] = []

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "count", {})))
        told.extend(await answers(peer, len(responses)))
        await peer.end_turn()  # what was not waited for is told in the next turn

    talk = loopback(far_end(play), model=model)
    await talk.hold(Typed("count"), tools=Shop())

    assert [(answer["response"], answer.get("willContinue")) for answer in told] == responses
    assert [r.response["output"] for r in talk.told(ToolProgressed)] == [1, 2]
    assert len(talk.told(ToolFinished)) == 1


@pytest.mark.parametrize(("model", "said"), [("gemini-3.8-live", "SILENT"), ("gemini-3.1-flash-live-preview", None)])
async def test_scheduling_is_said_where_the_model_takes_it(loopback, model, said) -> None:
    told: list[dict[str, Any]] = []
    shop = Shop(scheduling="SILENT")
    shop.go.set()

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {})))
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play), model=model)
    await talk.hold(Typed("order"), tools=shop)

    assert told[0].get("scheduling") == said


async def test_the_user_is_asked_first_and_sound_goes_on_meanwhile(loopback) -> None:
    may, told = asyncio.Event(), []

    async def consent(name: str, args: object) -> str | None:
        assert (name, args) == ("refund", {"order": 7})
        await may.wait()
        return None

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "refund", {"order": 7})))
        await peer.say_audio(5, 40)
        while not talk.speaker.held:
            await asyncio.sleep(0.001)
        may.set()
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play))
    await talk.hold(Typed("refund"), tools=Shop(), consent=consent)

    assert told[0]["response"] == {"output": "refunded"}
    assert [r.id for r in talk.told(ToolAsked)] == ["a"]


async def test_a_no_is_told_to_the_model_and_nothing_is_run(loopback) -> None:
    shop, told = Shop(), []

    async def consent(name: str, args: object) -> str | None:
        return f"the user does not allow {name}"

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "refund", {})))
        told.extend(await answers(peer, 1))

    talk = loopback(far_end(play))
    await talk.hold(Typed("refund"), tools=shop, consent=consent)

    assert told[0]["response"] == {"error": "the user does not allow refund"}
    assert shop.closed == 0
    assert not talk.told(ToolFinished)[0].ok


async def test_with_nobody_to_ask_it_is_refused(loopback) -> None:
    told: list[dict[str, Any]] = []

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "refund", {})))
        told.extend(await answers(peer, 1))

    await loopback(far_end(play)).hold(Typed("refund"), tools=Shop())

    assert "nobody is there to give it" in told[0]["response"]["error"]


async def test_a_question_that_is_open_when_the_call_is_taken_back_is_withdrawn(loopback) -> None:
    asked, withdrawn = asyncio.Event(), []

    async def consent(name: str, args: object) -> str | None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            withdrawn.append(name)
        return None

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "refund", {})))
        await asked.wait()
        await peer.say({"toolCallCancellation": {"ids": ["a"]}})

    talk = loopback(far_end(play))
    await talk.hold(Typed("refund"), tools=Shop(), consent=consent)

    assert withdrawn == ["refund"]
    assert talk.error is None


@pytest.mark.parametrize("ends", ["taken back", "hung up"])
async def test_a_call_and_the_one_that_repeats_it_end_together_in_peace(loopback, ends) -> None:
    shop = Shop()

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "order", {})))
        await peer.say(INTERRUPTED, TURN, call(("b", "order", {})))
        while len(talk.told(ToolCalled)) < 2:
            await asyncio.sleep(0.001)
        if ends == "taken back":
            await peer.say({"toolCallCancellation": {"ids": ["a", "b"]}})
        else:
            await peer.socket.close()

    talk = loopback(far_end(play), model="gemini-3.8-live")
    await talk.hold(Typed("order"), tools=shop)

    assert isinstance(talk.error, ConnectionLost) == (ends == "hung up")
    assert {r.id for r in talk.told(ToolCancelled)} == {"a", "b"}


async def test_interim_answers_that_have_to_wait_stay_within_the_limit(loopback) -> None:
    told: list[dict[str, Any]] = []

    class Chatty(Shop):
        async def outcomes(self, name: str, args: dict[str, object]) -> Any:
            for n in range(40):
                yield Outcome({"output": f"{n}" + "x" * 100_000}, final=False)
            yield Outcome({"output": "done"})

    async def play(peer: Any) -> None:
        await peer.say(call(("a", "count", {})))
        told.extend(await answers(peer, 1))

    await loopback(far_end(play)).hold(Typed("count"), tools=Chatty())

    *interim, last = told[0]["response"]["output"]
    assert [text.rstrip("x") for text in interim] == ["38", "39"]
    assert last == "done"


async def test_sound_keeps_arriving_while_fifty_tools_run(loopback) -> None:
    """All fifty are open at once, a whole reply is received in between, and a flush happens at once."""
    shop, told = Shop(), []

    async def play(peer: Any) -> None:
        await peer.say(call(*((f"c{n}", "order", {"n": n}) for n in range(50))))
        while len(shop.ordered) < 50:
            await asyncio.sleep(0.001)
        for _ in range(20):
            await peer.say_audio(5, 100)
        while talk.speaker.held_frames < 48_000:
            await asyncio.sleep(0.001)
        await peer.say(INTERRUPTED)
        while talk.speaker.held_frames:
            await asyncio.sleep(0.001)
        shop.go.set()
        told.extend(await answers(peer, 50))
        await peer.end_turn()  # what was not waited for is told in the next turn

    talk = loopback(far_end(play), model="gemini-3.8-live")
    await talk.hold(Typed("order"), tools=shop, patience=Patience(setup_s=5, stall_s=2, answer_s=3))

    assert talk.error is None
    assert sorted(answer["id"] for answer in told) == sorted(f"c{n}" for n in range(50))
