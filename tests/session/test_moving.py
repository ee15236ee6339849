"""What a person, a tool and the service do while the line moves, over real WebSockets."""

import asyncio
import contextlib
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - the far end of a test

from flashlive_cli.errors import ConnectionLost, NoAnswer
from flashlive_cli.protocol import commands as c
from flashlive_cli.reports import (
    MicrophoneSwitched,
    ReplyComplete,
    ReplyFlushed,
    SessionLeaving,
    SessionMoving,
    SessionReady,
    SessionResumed,
    Transcript,
    Warned,
)
from flashlive_cli.session import calls as calls_module
from flashlive_cli.session.answers import LOOK_S
from flashlive_cli.session.givens import Cue, Patience, Spoken, Typed, Unsaid
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.questions import MOST_TIMES
from flashlive_cli.session.reconnect import MUCH_TIME_S, PAUSE_S, QUIET_CHECK_S, YOUNG_S
from flashlive_cli.session.wishes import Mute, Push, StopReply
from tests.session.parts import GO_AWAY, SOON, FarEnd, Slow, abort, accept, answer, calls_and_breaks, chunk, until

END_OF_SOUND = {"realtimeInput": {"audioStreamEnd": True}}


async def all_that_comes(far_end: FarEnd, peer: Any) -> None:
    """Take messages until the client says goodbye."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await far_end.next(peer)


async def test_a_line_typed_while_the_line_moves_is_said_once(loopback) -> None:
    async def answers_and_breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "One."}}})
        await peer.end_turn()
        await until(lambda: any(t.final and t.role == "model" for t in talk.told(Transcript)))
        abort(peer)

    async def answers(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "Two."}}})
        await peer.end_turn()
        await all_that_comes(far_end, peer)

    async def play() -> None:
        await talk.microphone.say(chunk(1))
        await until(lambda: talk.told(SessionMoving))

    far_end = FarEnd(answers_and_breaks, answers)
    talk = loopback(far_end)
    await talk.hold(Spoken("clip", play), Typed("and now?"), delays=(0.3,))

    assert talk.error is None
    assert far_end.said(1) == ["and now?"]
    assert [t.text for t in talk.told(Transcript) if t.final] == ["One.", "and now?", "Two."]


async def test_what_is_said_while_muted_stays_private_though_the_line_moves_meanwhile(loopback) -> None:
    async def breaks(_far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Mute(True))
        await until(lambda: MicrophoneSwitched("muted") in talk.reports)
        abort(peer)

    async def comes_late(far_end, peer):
        await talk.microphone.hear_out(chunk(2))
        talk.wishes.put_nowait(Mute(False))
        await until(lambda: MicrophoneSwitched("open") in talk.reports)
        await talk.microphone.hear_out(chunk(3))
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        await talk.microphone.hear_out(chunk(4))
        await all_that_comes(far_end, peer)

    far_end = FarEnd(breaks, comes_late)
    talk = loopback(far_end)
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=0.5))

    assert far_end.said(1) == [END_OF_SOUND, 3, 4]


async def test_what_is_said_with_the_key_held_while_the_line_moves_is_kept_whole(loopback) -> None:
    async def breaks(_far_end, peer):
        await accept(peer)
        abort(peer)

    async def comes_late(far_end, peer):
        for push, state, dye in ((True, "pushed", 2), (False, "waiting", 3)):
            talk.wishes.put_nowait(Push(push))
            await until(lambda wanted=state: talk.told(MicrophoneSwitched)[-1:] == [MicrophoneSwitched(wanted)])
            await talk.microphone.hear_out(chunk(dye))
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        await talk.microphone.hear_out(chunk(4))
        await all_that_comes(far_end, peer)

    far_end = FarEnd(breaks, comes_late)
    talk = loopback(far_end)
    await talk.hold(live=True, detection=c.Detection(disabled=True), delays=SOON, limits=Limits(duration_s=0.5))

    assert far_end.said(1) == [
        {"realtimeInput": {"activityStart": {}}},
        2,
        3,
        0,
        {"realtimeInput": {"activityEnd": {}}},
    ]


async def test_a_reply_stopped_while_the_line_moves_is_silent_at_once_and_not_asked_for_again(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say_audio(1, 400, outputTranscription={"text": "Well, "})
        await until(lambda: talk.speaker.held_frames)
        abort(peer)

    async def comes_late(far_end, peer):
        talk.wishes.put_nowait(StopReply())
        await until(lambda: talk.told(ReplyFlushed))
        await accept(peer)
        await all_that_comes(far_end, peer)

    far_end = FarEnd(breaks, comes_late)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert talk.error is None
    assert talk.speaker.heard == b""
    assert far_end.said(1) == []


async def test_a_call_that_is_done_while_the_line_moves_and_comes_again_is_answered_once(loopback) -> None:
    async def asks_again(far_end, peer):
        tools.go.set()
        await until(lambda: any(type(r).type == "tool.finished" for r in talk.reports))
        await accept(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "Done."}}})
        await peer.end_turn()
        await all_that_comes(far_end, peer)

    tools, far_end = Slow(), FarEnd(calls_and_breaks, asks_again)
    talk = loopback(far_end)
    await talk.hold(Typed("order"), tools=tools, delays=SOON)

    assert talk.error is None
    assert tools.called == 1
    assert [message["toolResponse"]["functionResponses"][0]["id"] for message in far_end.heard[1]] == ["a"]


async def test_a_talk_whose_time_is_up_ends_though_an_answer_still_waits_for_the_line(loopback) -> None:
    async def calls(_far_end, peer):
        await accept(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        await until(lambda: tools.called)
        abort(peer)

    async def says_nothing(_far_end, peer):
        tools.go.set()
        await peer.socket.wait_closed()

    tools, far_end = Slow(), FarEnd(calls, says_nothing)
    talk = loopback(far_end)
    async with asyncio.timeout(5):
        await talk.hold(
            live=True,
            tools=tools,
            delays=SOON,
            limits=Limits(duration_s=0.3),
            patience=Patience(setup_s=30, stall_s=0.3),
        )

    assert talk.error is None


async def test_a_move_that_takes_long_is_no_silence_of_the_service(loopback) -> None:
    async def hears_and_breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"inputTranscription": {"text": "Hello?"}}})
        await until(lambda: talk.told(Transcript))
        abort(peer)

    async def takes_a_while(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await talk.clock.sleep(1.2 * LOOK_S)  # a round of the look-out
        await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
        await peer.end_turn()
        await all_that_comes(far_end, peer)

    far_end = FarEnd(hears_and_breaks, takes_a_while)
    talk = loopback(far_end)
    talk.microphone.speaks_s = 2.0
    talk.microphone.hear(chunk(1))
    await talk.hold(live=True, delays=(2.5,), limits=Limits(duration_s=4), patience=Patience(stall_s=1.0))

    assert talk.error is None
    assert far_end.said(1) == [1]
    assert len(talk.told(SessionMoving)) == 1
    assert not [w.message for w in talk.told(Warned) if "no answer" in w.message]


async def test_a_service_that_shows_everybody_the_door_is_given_up(loopback) -> None:
    async def shows_the_door(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"goAway": {"timeLeft": "0s"}})
        await peer.socket.wait_closed()

    far_end = FarEnd(*[shows_the_door] * 20)
    talk = loopback(far_end)
    async with asyncio.timeout(10):
        await talk.hold(Typed("hello"), delays=SOON)

    assert isinstance(talk.error, ConnectionLost)
    assert "at once" in str(talk.error)
    assert len(far_end.setups) < 10


async def test_nonsense_in_place_of_an_acceptance_is_tried_again(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    async def raves(_far_end, peer):
        await peer.say(b"\xff\xfe")
        await peer.socket.wait_closed()

    far_end = FarEnd(breaks, raves, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert talk.error is None
    assert far_end.said(2) == ["hello"]


@pytest.mark.parametrize("again", ["stop", "taken back", "the end"])
async def test_a_call_that_is_stopped_is_answered_once_whatever_comes_right_after(loopback, again) -> None:
    async def calls(far_end, peer):
        await accept(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        await until(lambda: tools.called)
        talk.wishes.put_nowait(StopReply())
        if again == "stop":
            talk.wishes.put_nowait(StopReply())
        elif again == "taken back":
            await peer.say({"toolCallCancellation": {"ids": ["a"]}})
        await all_that_comes(far_end, peer)

    tools, far_end = Slow(), FarEnd(calls)
    talk = loopback(far_end)
    await talk.hold(live=True, tools=tools, delays=SOON, limits=Limits(duration_s=0.2), patience=Patience(stall_s=0.2))

    assert talk.error is None
    assert [message["toolResponse"]["functionResponses"][0]["id"] for message in far_end.heard[0]] == ["a"]


async def test_a_typed_line_is_waited_for_before_the_line_moves(loopback) -> None:
    async def thinks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say(GO_AWAY)
        await until(lambda: talk.told(SessionLeaving))
        await talk.clock.sleep(3 * QUIET_CHECK_S)  # as long as it takes to leave at a quiet moment
        await peer.say({"serverContent": {"outputTranscription": {"text": "One."}}})
        await peer.end_turn()
        await all_that_comes(far_end, peer)

    far_end = FarEnd(thinks, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("one?"), Typed("two?"), delays=SOON)

    assert talk.error is None
    assert [far_end.said(0), far_end.said(1)] == [["one?"], ["two?"]]
    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["One.", "Hi."]
    assert [r.asked_again for r in talk.told(SessionResumed)] == [False]


MUCH_TIME = {"goAway": {"timeLeft": "300s"}}


async def stays(far_end: FarEnd, peer: Any) -> None:
    await accept(peer)
    await all_that_comes(far_end, peer)


async def greets(peer: Any) -> None:
    await peer.say({"serverContent": {"outputTranscription": {"text": "Good morning."}}})
    await peer.end_turn()


async def says_nothing(_peer: Any) -> None:
    pass


@pytest.mark.parametrize(("begin", "least_s"), [(greets, PAUSE_S), (says_nothing, YOUNG_S)])
async def test_while_much_time_is_left_a_talk_in_quiet_moves_after_a_turn_and_a_pause(loopback, begin, least_s) -> None:
    async def lets_stay(far_end, peer):
        await accept(peer)
        await peer.say(MUCH_TIME)
        await until(lambda: talk.told(SessionLeaving))
        await begin(peer)
        await all_that_comes(far_end, peer)

    far_end = FarEnd(lets_stay, stays)
    talk = loopback(far_end)
    talk.clock.speed = 10
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=30))

    at = {type(stamped.report): stamped.t for stamped in talk.stamped}
    assert at[SessionMoving] - at.get(ReplyComplete, at[SessionReady]) >= least_s
    assert far_end.handles() == [None, "h1"]
    assert [r.asked_again for r in talk.told(SessionResumed)] == [False]


async def test_where_little_time_is_left_the_first_quiet_moment_is_taken(loopback) -> None:
    async def must_go(far_end, peer):
        await accept(peer)
        await peer.say({"goAway": {"timeLeft": f"{MUCH_TIME_S:g}s"}})
        await all_that_comes(far_end, peer)

    talk = loopback(FarEnd(must_go, stays))
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=PAUSE_S - LOOK_S))

    assert len(talk.told(SessionResumed)) == 1


async def test_a_script_begins_on_the_connection_it_has_where_that_has_much_time(loopback) -> None:
    async def lets_stay(far_end, peer):
        await accept(peer)
        await peer.say(MUCH_TIME)
        await far_end.next(peer)
        await greets(peer)
        await all_that_comes(far_end, peer)

    far_end = FarEnd(lets_stay, answer)
    talk = loopback(far_end)
    leaving = Unsaid(Cue(lambda: until(lambda: talk.told(SessionLeaving)), cuts_in=False))
    await talk.hold(leaving, Typed("one"), Typed("two"), delays=SOON)

    assert talk.error is None
    assert [far_end.said(0), far_end.said(1)] == [["one"], ["two"]]


async def test_who_speaks_when_the_line_has_to_move_is_heard_from_the_beginning(loopback) -> None:
    async def leaves(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"inputTranscription": {"text": "Hel"}}}, {"goAway": {"timeLeft": "0.2s"}})
        await all_that_comes(far_end, peer)

    async def goes_on(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        await talk.microphone.hear_out(chunk(2))
        await all_that_comes(far_end, peer)

    far_end = FarEnd(leaves, goes_on)
    talk = loopback(far_end)
    talk.microphone.hear(chunk(1))
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=0.5), patience=Patience(stall_s=0.5))

    assert [far_end.said(0), far_end.said(1)] == [[1], [1, 2]]
    assert [r.asked_again for r in talk.told(SessionResumed)] == [True]


async def test_an_answer_that_no_connection_lives_long_enough_for_is_not_asked_for_for_ever(loopback) -> None:
    async def leaves(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say(
            {"serverContent": {"outputTranscription": {"text": "Once upon"}}}, {"goAway": {"timeLeft": "40s"}}
        )
        await all_that_comes(far_end, peer)

    far_end = FarEnd(*[leaves] * MOST_TIMES, answer)
    talk = loopback(far_end)
    talk.clock.speed = 500  # such connections are no more than a few a minute
    await talk.hold(Typed("a story"), Typed("hello"), delays=SOON, patience=Patience(stall_s=0.2, answer_s=0.4))

    assert talk.error is None
    assert [far_end.said(n) for n in range(MOST_TIMES + 1)] == [["a story"]] * MOST_TIMES + [["hello"]]
    assert [w.message for w in talk.told(Warned) if "again and again" in w.message]
    assert [t.text for t in talk.told(Transcript) if t.final][-2:] == ["hello", "Hi."]


@pytest.mark.parametrize("again", [True, False])
async def test_a_question_that_is_asked_again_orders_nothing_twice_however_late(loopback, monkeypatch, again) -> None:
    async def calls(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        await far_end.next(peer)
        if not again:
            await peer.say({"serverContent": {"outputTranscription": {"text": "Done."}}})
            await peer.end_turn()
            await far_end.next(peer)
        abort(peer)

    async def calls_again(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "b", "name": "order", "args": {}}]}})
        await far_end.next(peer)
        await peer.answer()

    monkeypatch.setattr(calls_module, "JUST_DONE_S", -1.0)  # a move takes longer than that
    tools, far_end = Slow(), FarEnd(calls, calls_again)
    tools.go.set()
    talk = loopback(far_end)
    turns = [Typed("order")] if again else [Typed("order"), Typed("the same once more")]
    await talk.hold(*turns, tools=tools, delays=SOON)

    assert talk.error is None
    assert tools.called == (1 if again else 2)
    answer = far_end.heard[1][-1]["toolResponse"]["functionResponses"][0]
    assert (answer["id"], answer["response"]) == ("b", {"output": "ordered"})


async def test_moves_are_no_sign_of_an_answer_that_does_not_come(loopback) -> None:
    async def hears_and_leaves(far_end, peer):
        await accept(peer)
        with contextlib.suppress(ConnectionClosed):
            await far_end.next(peer)
            await peer.end_turn()  # nothing to say, and then nothing more
            await peer.say({"goAway": {"timeLeft": "0.4s"}})
            await peer.socket.wait_closed()

    async def leaves(_far_end, peer):
        await accept(peer)
        await peer.say({"goAway": {"timeLeft": "0.4s"}})
        await peer.socket.wait_closed()

    far_end = FarEnd(hears_and_leaves, *[leaves] * 30)
    talk = loopback(far_end)
    talk.clock.speed = 60  # a move takes a minute of this
    async with asyncio.timeout(20):
        await talk.hold(Typed("hello"), delays=(60.0,), patience=Patience(setup_s=5, stall_s=0.5, answer_s=1.0))

    assert isinstance(talk.error, NoAnswer)
