"""A talk that outlives its connections, over real WebSockets."""

import json

import pytest

from flashlive_cli.errors import ConnectionLost
from flashlive_cli.protocol import commands as c
from flashlive_cli.reports import (
    MicrophoneSwitched,
    SessionLeaving,
    SessionMoving,
    SessionResumed,
    ToolCalled,
    ToolFinished,
    Transcript,
    Warned,
)
from flashlive_cli.session import connection, uplink
from flashlive_cli.session.givens import Patience, Typed
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.verdict import MOST_DROPS_A_MINUTE
from flashlive_cli.session.wishes import Push
from tests.session.parts import (
    ACCEPTED,
    GO_AWAY,
    HANDLE,
    SOON,
    FarEnd,
    Slow,
    abort,
    accept,
    answer,
    answer_next,
    calls_and_breaks,
    chunk,
    refuse,
    seeded,
    until,
)


@pytest.mark.parametrize("code", [None, 1000, 1001, 1008, 1011, 1012])
async def test_a_question_whose_connection_breaks_is_asked_again_over_the_resumed_one(loopback, code) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say_audio(1, 40, outputTranscription={"text": "Well, "})
        await until(lambda: talk.speaker.held_frames)
        abort(peer) if code is None else await peer.socket.close(code, "The operation was aborted.")

    far_end = FarEnd(breaks, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert talk.error is None
    assert far_end.handles() == [None, "h1"]
    assert far_end.said(0) == far_end.said(1) == ["hello"]
    assert [(r.resumed, r.asked_again) for r in talk.told(SessionResumed)] == [(True, True)]
    assert [t.text for t in talk.told(Transcript) if t.final] == ["hello", "Well,", "Hi."]
    assert len(talk.speaker.heard) == 2 * 24 * 40, "what had come is played on"
    assert str(code or 1006) in talk.told(SessionMoving)[0].reason


async def test_a_question_that_was_answered_is_not_asked_again(loopback) -> None:
    async def answers_and_breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "One."}}})
        await peer.end_turn()
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "Two."}}})
        await peer.say({"serverContent": {"generationComplete": True}})
        await until(lambda: any(t.text == "Two." for t in talk.told(Transcript)))
        abort(peer)

    async def waits(_far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        await peer.say({"serverContent": {"turnComplete": True}})
        await peer.socket.wait_closed()

    far_end = FarEnd(answers_and_breaks, waits)
    talk = loopback(far_end)
    await talk.hold(Typed("one?"), Typed("two?"), delays=SOON)

    assert far_end.said(0) == ["one?", "two?"]
    assert far_end.said(1) == []
    assert [r.asked_again for r in talk.told(SessionResumed)] == [False]


async def test_a_handle_that_is_not_free_yet_is_tried_again_and_one_that_is_forgotten_is_not(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    async def forgot(_far_end, peer):
        await peer.socket.close(1008, "Requested entity was not found.")

    far_end = FarEnd(breaks, refuse, refuse, forgot, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert talk.error is None
    assert far_end.handles() == [None, "h1", "h1", "h1", None]
    assert [r.resumed for r in talk.told(SessionResumed)] == [False]


async def test_a_session_that_begins_anew_knows_what_was_said_and_not_what_it_is_asked_again(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"outputTranscription": {"text": "It is noon."}}})
        await peer.end_turn()
        await far_end.next(peer)
        await peer.socket.close(1007, "Request contains an invalid argument.")

    far_end = FarEnd(breaks, seeded)
    talk = loopback(far_end)
    await talk.hold(Typed("What time is it?"), Typed("And now?"), delays=SOON)

    assert talk.error is None
    assert far_end.setups[1]["historyConfig"] == {"initialHistoryInClientContent": True}
    assert far_end.setups[1]["sessionResumption"] == {}
    history = far_end.heard[1][0]["clientContent"]
    assert history["turnComplete"] is True
    assert [(turn["role"], turn["parts"][0]["text"]) for turn in history["turns"]] == [
        ("user", "What time is it?"),
        ("model", "It is noon."),
    ]
    assert far_end.said(1)[1:] == ["And now?"]


async def test_a_result_that_the_lost_session_knew_and_had_not_told_is_asked_for_again(loopback) -> None:
    """3.8 ends the turn of a call at once: that is no answer yet."""

    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
        await peer.say({"serverContent": {"turnComplete": True}})
        tools.go.set()
        await far_end.next(peer)
        await peer.socket.close(1007, "Request contains an invalid argument.")

    tools, far_end = Slow(), FarEnd(breaks, seeded)
    talk = loopback(far_end, model="gemini-3.8-live")
    await talk.hold(Typed("order"), tools=tools, delays=SOON)

    assert talk.error is None
    history, question = far_end.heard[1]
    told = '(The function order was called and has returned {"output": "ordered"})'
    assert [turn["parts"][0]["text"] for turn in history["clientContent"]["turns"]] == [told]
    assert question == {"realtimeInput": {"text": "order"}}
    assert [t.text for t in talk.told(Transcript) if t.final] == ["order", "Hi."]


async def test_a_service_that_refuses_a_handle_for_long_is_asked_for_a_new_session(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    far_end = FarEnd(breaks, refuse, refuse, answer)
    talk = loopback(far_end)
    talk.clock.speed = 1000  # conversation seconds pass fast
    await talk.hold(Typed("hello"), delays=(1.0, 10.0, 10.0))

    assert far_end.handles() == [None, "h1", "h1", None]


async def test_what_is_said_while_there_is_no_connection_is_kept_and_sent_first(loopback) -> None:
    async def leaves(far_end, peer):
        await accept(peer)
        talk.microphone.hear(chunk(1))
        await far_end.next(peer)
        await peer.say(GO_AWAY)
        await peer.socket.wait_closed()
        for dye in (2, 3, 4):
            talk.microphone.hear(chunk(dye))

    async def goes_on(far_end, peer):
        await until(lambda: talk.microphone.all_read)
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        talk.microphone.hear(chunk(5))  # a microphone never ends; what was kept goes out before this
        for _ in range(4):
            await far_end.next(peer)
        await peer.answer()

    far_end = FarEnd(leaves, goes_on)
    talk = loopback(far_end)
    talk.clock.speed = 5  # a connection on which no turn has ended is left after ten seconds
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=15))

    assert far_end.said(0) + far_end.said(1) == [1, 2, 3, 4, 5]
    resumed = talk.told(SessionResumed)[0]
    assert (resumed.microphone_kept_ms, resumed.microphone_lost_ms) == (60.0, 0.0)


async def test_of_what_is_said_while_there_is_long_no_connection_the_newest_is_sent_and_the_rest_counted(
    loopback, monkeypatch
) -> None:
    async def breaks(_far_end, peer):
        await accept(peer)
        abort(peer)
        await until(lambda: talk.told(SessionMoving))
        for dye in (1, 2, 3, 4, 5):
            await talk.microphone.hear_out(chunk(dye))

    async def goes_on(far_end, peer):
        await until(lambda: talk.microphone.all_read)
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        talk.microphone.hear(chunk(6))
        for _ in range(3):
            await far_end.next(peer)
        await peer.answer()

    monkeypatch.setattr(uplink, "KEPT_CHUNKS", 2)
    far_end = FarEnd(breaks, goes_on)
    talk = loopback(far_end)
    await talk.hold(live=True, delays=(0.3,), limits=Limits(duration_s=1.0), patience=Patience(stall_s=0.3))

    assert far_end.said(1) == [4, 5, 6]
    resumed = talk.told(SessionResumed)[0]
    assert (resumed.microphone_kept_ms, resumed.microphone_lost_ms) == (40.0, 60.0)


async def test_a_planned_move_waits_for_the_end_of_the_reply(loopback) -> None:
    async def leaves(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say_audio(1, 40)
        await peer.say(GO_AWAY)
        await peer.say_audio(2, 40)
        await until(lambda: talk.speaker.held_frames == 24 * 80)
        assert not talk.told(SessionMoving)
        await peer.end_turn()
        await peer.socket.wait_closed()

    far_end = FarEnd(leaves, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("one"), Typed("two"), delays=SOON)

    assert [r.time_left_s for r in talk.told(SessionLeaving)] == [50.0]
    assert far_end.said(0) == ["one"]
    assert far_end.said(1) == ["two"]
    assert [(r.resumed, r.asked_again) for r in talk.told(SessionResumed)] == [(True, False)]


async def test_a_go_away_in_the_message_that_accepts_the_setup_is_heeded(loopback) -> None:
    async def accepts_and_leaves(far_end, peer):
        await peer.say(ACCEPTED | HANDLE | GO_AWAY)
        await answer_next(far_end, peer)

    far_end = FarEnd(accepts_and_leaves, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("one"), Typed("two"), delays=SOON)

    assert talk.error is None
    assert [r.time_left_s for r in talk.told(SessionLeaving)] == [50.0]
    assert far_end.handles() == [None, "h1"]
    assert [far_end.said(0), far_end.said(1)] == [["one"], ["two"]]


async def test_a_greeting_in_the_message_that_accepts_the_setup_is_heard(loopback) -> None:
    async def greets(far_end, peer):
        await peer.say(ACCEPTED | {"serverContent": {"outputTranscription": {"text": "Good morning."}}})
        await peer.end_turn()
        await answer_next(far_end, peer)

    talk = loopback(FarEnd(greets))
    await talk.hold(Typed("hello"))

    assert talk.error is None
    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Good morning.", "Hi."]


async def test_where_no_moment_is_quiet_the_talk_leaves_in_time_and_asks_again(loopback) -> None:
    async def leaves(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say_audio(1, 40)
        await peer.say({"goAway": {"timeLeft": "0.2s"}})
        await peer.socket.wait_closed()

    far_end = FarEnd(leaves, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("one"), delays=SOON)

    assert talk.error is None
    assert far_end.said(1) == ["one"]


async def test_a_call_that_was_open_is_answered_with_its_old_id_over_the_resumed_connection(loopback) -> None:
    async def takes(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        tools.go.set()
        await far_end.next(peer)
        await peer.answer()

    tools, far_end = Slow(), FarEnd(calls_and_breaks, takes)
    talk = loopback(far_end)
    await talk.hold(Typed("order"), tools=tools, delays=SOON)

    assert talk.error is None
    assert [m["toolResponse"]["functionResponses"] for m in far_end.heard[1]] == [
        [{"id": "a", "name": "order", "response": {"output": "ordered"}}]
    ]
    assert tools.called == len(talk.told(ToolCalled)) == len(talk.told(ToolFinished)) == 1


async def test_a_session_that_did_not_make_the_call_is_told_of_it_in_words(loopback) -> None:
    async def forgot(_far_end, peer):
        await peer.socket.close(1008, "Requested entity was not found.")

    async def takes(far_end, peer):
        await accept(peer)
        await far_end.next(peer)  # the history
        await until(lambda: talk.told(SessionResumed))
        tools.go.set()
        await far_end.next(peer)
        await peer.answer()

    tools, far_end = Slow(), FarEnd(calls_and_breaks, forgot, takes)
    talk = loopback(far_end)
    await talk.hold(Typed("order"), tools=tools, delays=SOON)

    assert talk.error is None
    assert far_end.said(1 + 1)[1] == '(The function order, which was called before, has returned {"output": "ordered"})'
    assert tools.called == 1


async def test_a_connection_that_breaks_again_and_again_is_given_up_with_the_reason(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    far_end = FarEnd(*[breaks] * 20)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert isinstance(talk.error, ConnectionLost)
    assert "1006" in str(talk.error)
    assert len(far_end.setups) == MOST_DROPS_A_MINUTE + 1


async def test_a_line_that_cannot_be_taken_up_says_both_reasons(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.socket.close(1011, "Internal error encountered.")

    far_end = FarEnd(breaks)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=(0.01, 0.01, 0.01))

    assert isinstance(talk.error, ConnectionLost)
    assert str(talk.error).count("Internal error encountered.") == 2
    assert len(far_end.setups) == 4


async def test_a_new_session_waits_no_longer_once_the_handle_of_the_old_one_is_given_up(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    far_end = FarEnd(breaks, refuse, refuse, refuse, answer)
    talk = loopback(far_end)
    talk.clock.speed = 50
    await talk.hold(Typed("hello"), delays=(4.0, 4.0, 4.0, 2000.0))

    assert talk.error is None
    assert far_end.handles() == [None, "h1", "h1", "h1", None]
    [resumed] = talk.told(SessionResumed)
    assert not resumed.resumed
    assert resumed.moved_ms < 1_000_000


async def test_a_used_up_quota_is_not_tried_again(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.socket.close(1011, "You exceeded your current quota, please check your plan.")

    far_end = FarEnd(breaks)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert "quota" in str(talk.error)
    assert len(far_end.setups) == 1


async def test_a_service_that_is_down_at_the_start_is_dialled_three_times_and_says_why(loopback) -> None:
    far_end = FarEnd(refuse, refuse, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON)

    assert talk.error is None
    assert len(far_end.setups) == 3
    assert [w.message.count("Internal error encountered.") for w in talk.told(Warned)] == [1, 1]


async def test_a_half_typed_activity_is_begun_anew_over_the_next_connection(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        talk.wishes.put_nowait(Push(True))
        await until(lambda: MicrophoneSwitched("pushed") in talk.reports)
        talk.microphone.hear(chunk(1))
        await far_end.next(peer)
        await far_end.next(peer)
        abort(peer)

    async def goes_on(far_end, peer):
        await accept(peer)
        await until(lambda: talk.told(SessionResumed))
        talk.microphone.hear(chunk(2))
        for _ in range(3):
            await far_end.next(peer)
        await peer.answer()

    far_end = FarEnd(breaks, goes_on)
    talk = loopback(far_end)
    await talk.hold(live=True, detection=c.Detection(disabled=True), delays=SOON, limits=Limits(duration_s=1))

    start = {"realtimeInput": {"activityStart": {}}}
    assert far_end.said(0) == [start, 1]
    assert far_end.said(1) == [start, 1, 2]
    assert json.dumps(far_end.setups[1]).count("h1") == 1


async def test_a_user_who_gets_no_answer_is_told_and_the_service_that_he_has_finished(loopback) -> None:
    async def sleeps(far_end, peer):
        await accept(peer)
        for _ in range(2):
            await far_end.next(peer)
        await peer.answer()

    far_end = FarEnd(sleeps)
    talk = loopback(far_end)
    talk.microphone.speaks_s = 2.0
    talk.microphone.hear(chunk(1))
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=3), patience=Patience(stall_s=0.5))

    assert far_end.said(0) == [1, {"realtimeInput": {"audioStreamEnd": True}}]
    assert [w.message for w in talk.told(Warned)][:1] == ["no answer for 0.5 s after you stopped speaking"]


async def test_a_service_that_has_heard_and_says_nothing_is_tried_over_another_connection(loopback) -> None:
    async def sleeps(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.say({"serverContent": {"inputTranscription": {"text": "Hello?"}}})
        await peer.socket.wait_closed()

    async def hears(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        await peer.answer()

    far_end = FarEnd(sleeps, hears)
    talk = loopback(far_end)
    talk.microphone.speaks_s = 2.0
    talk.microphone.hear(chunk(1))
    await talk.hold(live=True, delays=SOON, limits=Limits(duration_s=4), patience=Patience(stall_s=0.4))

    assert talk.error is None
    assert far_end.said(1) == [1], "what was said is said again"
    assert any("another connection" in w.message for w in talk.told(Warned))
    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Hi."]


async def test_a_far_end_that_is_gone_without_a_goodbye_is_noticed(loopback, monkeypatch) -> None:
    async def vanishes(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        peer.socket.transport.pause_reading()  # neither pongs nor anything else
        await until(lambda: talk.told(SessionResumed))
        abort(peer)

    for name in ("PING_EVERY_S", "SILENT_FOR_S"):
        monkeypatch.setattr(connection, name, 0.1)
    far_end = FarEnd(vanishes, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=SOON, patience=Patience(stall_s=60, answer_s=60))

    assert talk.error is None
    assert far_end.said(1) == ["hello"]


async def test_a_move_that_takes_long_is_no_stall(loopback) -> None:
    async def breaks(far_end, peer):
        await accept(peer)
        await far_end.next(peer)
        abort(peer)

    far_end = FarEnd(breaks, refuse, answer)
    talk = loopback(far_end)
    await talk.hold(Typed("hello"), delays=(0.3, 0.6), patience=Patience(stall_s=0.1, answer_s=0.2))

    assert talk.error is None
    assert talk.told(Warned) == []
    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Hi."]
