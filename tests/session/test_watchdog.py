"""What a user is told of a service that owes an answer and falls silent, over real WebSockets."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - the far end of a test

from flashlive_cli.reports import MicrophoneSwitched, SessionResumed, ToolFinished, Transcript, Warned
from flashlive_cli.session.answers import LOOK_S
from flashlive_cli.session.givens import Patience, Typed
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.wishes import Mute, Say, StopReply
from tests.session.parts import SOON, FarEnd, Slow, abort, accept, chunk, until

IMPATIENT = Patience(stall_s=0.2)
LONG = Limits(duration_s=2 * LOOK_S + 0.6)
"""Long enough to be told, and told again if that were so."""
CALL = {"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}}
AFTER_SPEECH = "no answer for 0.2 s after you stopped speaking"
AFTER_TYPING = "no answer for 0.2 s after your typed line"
MIDWAY = "nothing more of the answer for 0.2 s"
AFTER_A_TOOL = "no answer for 0.2 s to what a tool returned"


def told_of(talk: Any) -> list[str]:
    """The warnings of a silence."""
    return [warned.message for warned in talk.told(Warned) if warned.unanswered_s == IMPATIENT.stall_s]


async def silence(far_end: FarEnd, peer: Any) -> None:
    """Take what comes, and say nothing any more."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await far_end.next(peer)


async def held(talk: Any) -> None:
    await talk.hold(live=True, delays=SOON, limits=LONG, patience=IMPATIENT)
    assert talk.error is None


async def test_a_typed_line_that_meets_with_nothing_is_told_once(loopback) -> None:
    async def never_answers(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("hello"))
        await silence(far_end, peer)

    far_end = FarEnd(never_answers)
    talk = loopback(far_end)
    await held(talk)

    assert told_of(talk) == [AFTER_TYPING]
    assert far_end.said(0) == ["hello"], "nobody spoke: there is no sound to be ended, and no reason to ask again"


@pytest.mark.parametrize("muted", [True, False])
async def test_what_is_said_while_muted_is_owed_no_answer(loopback, muted) -> None:
    async def hears(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Mute(muted))
        await until(lambda: not muted or MicrophoneSwitched("muted") in talk.reports)
        talk.microphone.hear(chunk(1))
        await silence(far_end, peer)

    talk = loopback(FarEnd(hears))
    talk.microphone.speaks_s = 2.0
    await held(talk)

    assert told_of(talk) == ([] if muted else [AFTER_SPEECH])


@pytest.mark.parametrize("ask", ["typed", "spoken"])
async def test_a_reply_that_stops_in_the_middle_is_told_once_it_has_been_played(loopback, ask) -> None:
    async def stops_midway(far_end, peer):
        await accept(peer)
        if ask == "typed":
            talk.wishes.put_nowait(Say("hello"))
        else:
            talk.microphone.hear(chunk(1))
        await far_end.next(peer)
        await peer.say_audio(1, 100, outputTranscription={"text": "Well, "})
        await until(lambda: talk.speaker.held_frames)
        await asyncio.sleep(IMPATIENT.stall_s + LOOK_S)  # it is being played
        assert told_of(talk) == []
        talk.speaker.play(100)
        await silence(far_end, peer)

    talk = loopback(FarEnd(stops_midway))
    talk.microphone.speaks_s = 2.0
    await talk.hold(live=True, limits=Limits(duration_s=2.2), patience=IMPATIENT)

    assert told_of(talk) == [MIDWAY]


async def test_silence_after_what_a_tool_returned_is_told_however_long_the_tool_ran(loopback) -> None:
    tools = Slow()

    async def calls_and_sleeps(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("order"))
        await far_end.next(peer)
        await peer.say(CALL)
        await until(lambda: tools.called)
        await asyncio.sleep(IMPATIENT.stall_s + LOOK_S)
        assert told_of(talk) == [], "a tool takes its time"
        tools.go.set()
        await silence(far_end, peer)

    talk = loopback(FarEnd(calls_and_sleeps))
    await talk.hold(live=True, tools=tools, limits=Limits(duration_s=2.2), patience=IMPATIENT)

    assert talk.told(ToolFinished)
    assert told_of(talk) == [AFTER_A_TOOL]


async def test_a_scripted_turn_too_is_given_up_where_nothing_follows_a_tool(loopback) -> None:
    tools = Slow()

    async def calls_and_sleeps(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say(CALL)
        await until(lambda: tools.called)
        tools.go.set()
        await silence(far_end, peer)

    talk = loopback(FarEnd(calls_and_sleeps))
    async with asyncio.timeout(5):
        await talk.hold(Typed("order"), tools=tools, patience=Patience(stall_s=0.2, answer_s=0.3))

    assert told_of(talk) == ["nothing more of the answer to the typed line for 0.2 s"]


async def ends_its_turn(peer: Any) -> None:
    await peer.end_turn()


async def says_all(peer: Any) -> None:
    await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
    await peer.end_turn()


async def never_ends_its_turn(peer: Any) -> None:
    await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
    await peer.say({"serverContent": {"generationComplete": True}})


async def trails_behind(peer: Any) -> None:
    """Words come after the end of the turn of their sound, as no order is promised."""
    await peer.say_audio(1, 20)
    await peer.end_turn()
    await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})


@pytest.mark.parametrize("answer", [ends_its_turn, says_all, never_ends_its_turn, trails_behind])
async def test_who_has_said_all_is_not_waited_for(loopback, answer: Callable[[Any], Any]) -> None:
    async def answers(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("hello"))
        await far_end.next(peer)
        await answer(peer)
        await (await peer.socket.ping())
        talk.speaker.play(1000)
        await silence(far_end, peer)

    talk = loopback(FarEnd(answers))
    await held(talk)

    assert told_of(talk) == []


async def test_a_line_typed_over_a_reply_is_still_waited_for_when_that_reply_has_ended(loopback) -> None:
    async def ends_and_sleeps(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("hello"))
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "Once upon a time"}}})
        await until(lambda: any(t.role == "model" for t in talk.told(Transcript)))
        talk.wishes.put_nowait(Say("stop it"))
        await far_end.next(peer)
        await peer.say({"serverContent": {"interrupted": True}}, {"serverContent": {"turnComplete": True}})
        await silence(far_end, peer)

    talk = loopback(FarEnd(ends_and_sleeps))
    await held(talk)

    assert told_of(talk) == [AFTER_TYPING]


async def test_a_reply_that_the_user_has_stopped_is_not_waited_for(loopback) -> None:
    async def stops_midway(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("hello"))
        await far_end.next(peer)
        await peer.say_audio(1, 100, outputTranscription={"text": "Well, "})
        await until(lambda: talk.speaker.held_frames)
        talk.wishes.put_nowait(StopReply())
        await silence(far_end, peer)

    talk = loopback(FarEnd(stops_midway))
    await held(talk)

    assert told_of(talk) == []


async def test_a_line_that_is_asked_again_over_another_connection_is_waited_for_again(loopback) -> None:
    async def breaks_midway(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Say("hello"))
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "Well, "}}})
        await until(lambda: any(t.role == "model" for t in talk.told(Transcript)))
        abort(peer)

    async def sleeps(far_end, peer):
        await accept(peer)
        await silence(far_end, peer)

    far_end = FarEnd(breaks_midway, sleeps)
    talk = loopback(far_end)
    await held(talk)

    assert [move.asked_again for move in talk.told(SessionResumed)] == [True]
    assert far_end.said(1) == ["hello"]
    assert told_of(talk) == [AFTER_TYPING]
