"""Turns that do not wait for the answer to the one before: barge-ins of a script, and silence that is expected."""

import asyncio

from flashlive_cli.errors import NoAnswer
from flashlive_cli.reports import ReplyComplete, ReplyFlushed, Transcript, Warned
from flashlive_cli.session.givens import Cue, Patience, Typed, Unsaid

ACCEPTED = {"setupComplete": {}}


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    pass


async def test_a_cue_that_cuts_in_begins_the_next_turn_in_the_middle_of_the_answer(loopback) -> None:
    sounding = asyncio.Event()

    async def behaviour(peer) -> None:
        await peer.setup()
        await peer.next()
        await peer.say_audio(1, 400)
        sounding.set()
        assert (await peer.next())["realtimeInput"]["text"] == "stop"
        await peer.say({"serverContent": {"interrupted": True}}, {"serverContent": {"turnComplete": True}})
        await peer.answer()

    talk = loopback(behaviour)

    async def reached() -> None:
        await sounding.wait()

    await talk.hold(Typed("tell me", Cue(reached, cuts_in=True)), Typed("stop"))

    assert talk.error is None
    assert len(talk.told(ReplyFlushed)) == 1
    assert [report.interrupted for report in talk.told(ReplyComplete)] == [True, False]


async def test_a_cue_that_never_comes_is_given_up_when_the_answer_has_ended(loopback) -> None:
    async def behaviour(peer) -> None:
        await peer.setup()
        for _ in range(2):
            await peer.next()
            await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
            await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(behaviour)
    await talk.hold(Typed("one", Cue(never, cuts_in=True)), Typed("two"))

    said = [report.text for report in talk.told(Transcript) if report.final]
    assert said == ["one", "Hi.", "two", "Hi."]


async def test_an_answer_that_never_comes_is_missed_also_where_the_next_turn_was_to_cut_in(loopback) -> None:
    async def behaviour(peer) -> None:
        await peer.setup()
        await peer.next()
        await peer.socket.wait_closed()

    talk = loopback(behaviour)
    await talk.hold(Typed("hello?", Cue(never, cuts_in=True)), patience=Patience(stall_s=0.1, answer_s=0.2))

    assert isinstance(talk.error, NoAnswer)


async def test_where_no_answer_is_expected_none_is_missed(loopback) -> None:
    async def behaviour(peer) -> None:
        await peer.setup()
        await peer.next()
        await peer.socket.wait_closed()

    talk = loopback(behaviour)
    await talk.hold(Typed("hush", Cue(at_once, cuts_in=False)), Unsaid(Cue(at_once, cuts_in=False)))

    assert talk.error is None
    assert talk.told(Warned) == []


async def test_an_answer_that_was_not_expected_is_waited_for_before_the_next_turn(loopback) -> None:
    heard = asyncio.Event()

    async def behaviour(peer) -> None:
        await peer.setup()
        await peer.say({"serverContent": {"outputTranscription": {"text": "Are you there?"}}})
        heard.set()
        await asyncio.sleep(0.05)
        await peer.end_turn()
        await peer.next()
        await peer.answer()

    talk = loopback(behaviour)

    async def reached() -> None:
        await heard.wait()
        while not talk.told(Transcript):
            await asyncio.sleep(0.001)

    await talk.hold(Unsaid(Cue(reached, cuts_in=False)), Typed("yes"))

    said = [report.text for report in talk.told(Transcript) if report.final]
    assert said == ["Are you there?", "yes", "Hi."]
