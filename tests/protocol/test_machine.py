"""The table of states, and what it means for a conversation."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.errors import LocalProtocolError, RemoteProtocolError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import EXTENDED_THINKING, LIVE_3_1, LIVE_3_8, NATIVE_AUDIO_2_5, Family
from flashlive_cli.protocol.machine import CUT_LASTS_S, TRANSITIONS, LiveProtocol, State

SETUP_COMPLETE: Mapping[str, object] = {"setupComplete": {}}
AUDIO = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": base64.b64encode(b"\1\0").decode()}}]}}}
WORDS = {"serverContent": {"outputTranscription": {"text": "Hi"}}}
HEARD = {"serverContent": {"inputTranscription": {"text": "Stop"}}}
INTERRUPTED = {"serverContent": {"interrupted": True}}
GENERATED = {"serverContent": {"generationComplete": True}}
COMPLETE = {"serverContent": {"turnComplete": True}}
CALL = {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {}}]}}
MESSAGES: dict[str, Mapping[str, object]] = {
    "setup": SETUP_COMPLETE,
    "audio": AUDIO,
    "thought": {"serverContent": {"modelTurn": {"parts": [{"text": "Hm", "thought": True}]}}},
    "text": {"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}}},
    "words": WORDS,
    "heard": HEARD,
    "interrupted": INTERRUPTED,
    "generated": GENERATED,
    "complete": COMPLETE,
    "call": CALL,
    "cancel": {"toolCallCancellation": {"ids": ["1"]}},
    "speech": {"voiceActivity": {"type": "ACTIVITY_START"}},
    "silence": {"voiceActivity": {"type": "ACTIVITY_END"}},
    "handle": {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
    "go away": {"goAway": {"timeLeft": "50s"}},
    "usage": {"usageMetadata": {"totalTokenCount": 1}},
    "status": {"interactionStatus": "IN_PROGRESS"},
    "search": {"serverContent": {"groundingMetadata": {}}},
    "empty": {},
}


class Talk:
    """A protocol past its setup, fed messages by name of their shape."""

    def __init__(self, family: Family = LIVE_3_1, *functions: c.FunctionDeclaration, strict: bool = True) -> None:
        self.protocol = LiveProtocol(family, strict=strict)
        self.now = 0.0
        self.protocol.send(c.Setup(model="models/m", functions=functions))
        self.protocol.messages_to_send()
        self.hears(SETUP_COMPLETE)

    def hears(self, *messages: Mapping[str, object]) -> list[e.Event]:
        return [ev for message in messages for ev in self.protocol.receive_message(json.dumps(message), self.now)]

    def answers(self, scheduling: c.Scheduling | None = None) -> None:
        self.protocol.send(c.AnswerTools((c.ToolAnswer("1", "f", {"output": 1}, scheduling),)))


def test_every_event_has_its_place_in_the_table() -> None:
    placed = {event for row in TRANSITIONS.values() for event in row}

    assert placed == set(get_args(e.Event))
    assert set(TRANSITIONS) == set(State)


def test_a_reply_runs_its_course() -> None:
    talk = Talk()
    states = []
    for message in (HEARD, AUDIO, WORDS, GENERATED, COMPLETE):
        talk.hears(message)
        states.append(talk.protocol.state.name)

    assert states == ["LISTENING", "REPLYING", "REPLYING", "DRAINING", "LISTENING"]


@pytest.mark.parametrize("before", [(AUDIO,), (AUDIO, GENERATED)], ids=["while generating", "while draining"])
def test_sound_after_an_interruption_is_dropped_until_the_turn_ends(before) -> None:
    talk = Talk()
    talk.hears(*before)

    assert talk.hears(INTERRUPTED, AUDIO, WORDS, AUDIO) == [e.Interrupted(), e.OutputTranscript("Hi")]
    assert talk.protocol.stale_bytes == 4
    assert talk.hears(COMPLETE, AUDIO) == [e.TurnComplete(), e.AudioChunk(b"\1\0")]


def test_sound_beside_an_interruption_comes_before_it_so_that_the_flush_takes_it() -> None:
    talk = Talk()
    talk.hears(AUDIO)
    both = {"serverContent": {**AUDIO["serverContent"], **INTERRUPTED["serverContent"]}}

    assert talk.hears(both) == [e.AudioChunk(b"\1\0"), e.Interrupted()]


def test_without_an_end_of_turn_the_users_words_end_the_cut() -> None:
    talk = Talk()
    talk.hears(AUDIO, INTERRUPTED)

    assert talk.hears(AUDIO, HEARD, AUDIO) == [e.InputTranscript("Stop"), e.AudioChunk(b"\1\0")]


def test_without_an_end_of_turn_time_ends_the_cut() -> None:
    talk = Talk()
    talk.hears(AUDIO, INTERRUPTED)
    talk.now += CUT_LASTS_S + 0.01

    assert talk.hears(AUDIO) == [e.AudioChunk(b"\1\0")]


@pytest.mark.parametrize("before", [(AUDIO,), (AUDIO, GENERATED)], ids=["while generating", "while draining"])
def test_a_reply_stopped_by_the_user_stays_cut_however_long_an_unaware_server_goes_on(before) -> None:
    talk = Talk(LIVE_3_1)
    talk.hears(*before)

    assert talk.protocol.stop_reply()
    talk.now += 60
    assert talk.hears(AUDIO, WORDS) == [e.OutputTranscript("Hi")]
    assert talk.protocol.messages_to_send() == []
    assert talk.hears(COMPLETE, AUDIO) == [e.TurnComplete(), e.AudioChunk(b"\1\0")]


@pytest.mark.parametrize("family", [LIVE_3_8, EXTENDED_THINKING, NATIVE_AUDIO_2_5])
def test_where_the_family_has_a_word_for_it_the_server_is_told_to_stop(family) -> None:
    talk = Talk(family)
    talk.hears(AUDIO)

    assert talk.protocol.stop_reply()
    assert [json.loads(m) for m in talk.protocol.messages_to_send()] == [{"clientContent": {"turnComplete": True}}]
    talk.hears(INTERRUPTED)
    talk.now += CUT_LASTS_S + 0.01
    assert talk.hears(AUDIO) == [e.AudioChunk(b"\1\0")], "an interruption without an end of turn has its time"


def test_stopping_can_be_left_to_what_is_said_next() -> None:
    talk = Talk(LIVE_3_8)
    talk.hears(AUDIO)

    assert talk.protocol.stop_reply(tell=False)
    assert talk.protocol.messages_to_send() == []
    assert talk.hears(AUDIO) == []


@pytest.mark.parametrize("before", [(), (AUDIO, INTERRUPTED), (AUDIO, GENERATED, COMPLETE)])
def test_where_no_reply_runs_there_is_nothing_to_stop(before) -> None:
    talk = Talk(LIVE_3_8)
    talk.hears(*before)

    assert not talk.protocol.stop_reply()
    assert talk.protocol.messages_to_send() == []


def test_an_order_never_seen_is_an_error_when_strict_and_names_event_and_state() -> None:
    with pytest.raises(RemoteProtocolError, match="SetupComplete in LISTENING"):
        Talk().hears(SETUP_COMPLETE)


def test_an_order_never_seen_is_counted_and_survived_on_a_call() -> None:
    talk = Talk(strict=False)

    assert talk.hears(SETUP_COMPLETE, SETUP_COMPLETE) == [e.SetupComplete(), e.SetupComplete()]
    assert talk.protocol.surprises == {"SetupComplete in LISTENING": 2}
    assert talk.hears(AUDIO) == [e.AudioChunk(b"\1\0")]


@given(st.lists(st.sampled_from(sorted(MESSAGES)), max_size=40), st.booleans())
def test_any_order_is_legal_or_a_remote_protocol_error(names: list[str], strict: bool) -> None:
    protocol = LiveProtocol(LIVE_3_1, strict=strict)
    try:
        for name in names:
            was_cut = protocol.state is State.CUT
            events = protocol.receive_message(json.dumps(MESSAGES[name]), now=0.0)
            assert not (was_cut and any(isinstance(event, e.AudioChunk) for event in events))
    except RemoteProtocolError:
        assert strict


@pytest.mark.parametrize("command", [c.SendAudio(b""), c.SendText("hi"), c.SendContent(), c.EndAudioStream()])
def test_nothing_but_the_setup_goes_out_before_the_setup_is_complete(command) -> None:
    protocol = LiveProtocol(LIVE_3_1)
    with pytest.raises(LocalProtocolError, match=type(command).__name__):
        protocol.send(command)
    assert protocol.messages_to_send() == []


@pytest.mark.parametrize(
    "command",
    [
        c.Setup(model="models/m"),
        c.StartActivity(),
        c.EndActivity(),
        c.SendAudio(b"\0"),
        c.AnswerTools((c.ToolAnswer("1", "f", {}, "SILENT"),)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_what_closes_the_connection_is_refused_before_it_goes_out(command) -> None:
    talk = Talk(LIVE_3_1)
    with pytest.raises(LocalProtocolError):
        talk.protocol.send(command)
    assert talk.protocol.messages_to_send() == []


def test_activity_by_hand_is_allowed_where_detection_is_disabled() -> None:
    protocol = LiveProtocol(LIVE_3_8)
    protocol.send(c.Setup(model="models/m", detection=c.Detection(disabled=True)))
    protocol.receive_message(json.dumps(SETUP_COMPLETE), now=0.0)
    for command in (c.StartActivity(), c.SendAudio(b"\0\0"), c.EndActivity()):
        protocol.send(command)

    assert [list(json.loads(message)) for message in protocol.messages_to_send()] == [["setup"]] + [
        ["realtimeInput"]
    ] * 3
    with pytest.raises(LocalProtocolError):
        protocol.send(c.EndAudioStream())


def test_typing_is_an_activity_of_its_own_where_detection_is_disabled() -> None:
    protocol = LiveProtocol(LIVE_3_1)
    protocol.send(c.Setup(model="models/m", detection=c.Detection(disabled=True)))
    protocol.receive_message(json.dumps(SETUP_COMPLETE), 0.0)
    protocol.messages_to_send()

    protocol.type_text("hi")

    sent = [json.loads(message)["realtimeInput"] for message in protocol.messages_to_send()]
    assert sent == [{"activityStart": {}}, {"text": "hi"}, {"activityEnd": {}}]


def test_messages_wait_in_order_and_are_taken_once() -> None:
    talk = Talk()
    talk.protocol.send(c.SendAudio(b"\0\0"))
    talk.protocol.type_text("hi")

    assert [list(json.loads(m)["realtimeInput"]) for m in talk.protocol.messages_to_send()] == [["audio"], ["text"]]
    assert talk.protocol.messages_to_send() == []


def test_typing_goes_through_client_content_on_2_5() -> None:
    talk = Talk(NATIVE_AUDIO_2_5)
    talk.protocol.type_text("hi")

    assert list(json.loads(talk.protocol.messages_to_send()[0])) == ["clientContent"]


def test_the_newest_handle_is_kept_and_no_restart_point_does_not_void_it() -> None:
    talk = Talk()
    talk.hears(MESSAGES["handle"], {"sessionResumptionUpdate": {}})

    assert talk.protocol.handle == "h"


def test_a_blocking_call_is_settled_by_the_reply_of_its_own_turn() -> None:
    talk = Talk(LIVE_3_1)
    rest = []
    talk.hears(CALL)
    rest.append(talk.protocol.at_rest)
    talk.answers()
    rest.append(talk.protocol.at_rest)
    talk.hears(AUDIO, GENERATED, COMPLETE)
    rest.append(talk.protocol.at_rest)

    assert rest == [False, False, True]


def test_a_non_blocking_call_ends_its_turn_and_is_settled_by_the_next_one() -> None:
    talk = Talk(LIVE_3_8)
    talk.hears(CALL)
    talk.answers()  # a quick tool: answered before the call's turn has ended
    talk.hears(COMPLETE)
    assert not talk.protocol.at_rest
    talk.hears(AUDIO, GENERATED)
    assert not talk.protocol.at_rest
    talk.hears(COMPLETE)
    assert talk.protocol.at_rest


def test_a_function_declared_blocking_is_settled_in_its_own_turn_on_3_8_too() -> None:
    talk = Talk(LIVE_3_8, c.FunctionDeclaration("f", behavior="BLOCKING"))
    talk.hears(CALL)
    talk.answers()
    talk.hears(AUDIO, COMPLETE)

    assert talk.protocol.at_rest


def test_a_silent_answer_is_not_waited_for() -> None:
    talk = Talk(LIVE_3_8)
    talk.hears(CALL, COMPLETE)
    talk.answers("SILENT")

    assert talk.protocol.at_rest


def test_filler_speech_while_a_call_is_open_does_not_settle_it() -> None:
    talk = Talk(NATIVE_AUDIO_2_5, c.FunctionDeclaration("f", behavior="NON_BLOCKING"))
    talk.hears(CALL, AUDIO, GENERATED)
    talk.answers()
    talk.hears(AUDIO, COMPLETE)
    assert not talk.protocol.at_rest
    talk.hears(AUDIO, COMPLETE)
    assert talk.protocol.at_rest


def test_stale_sound_tells_of_no_answer() -> None:
    talk = Talk()
    talk.hears(AUDIO, CALL, INTERRUPTED)
    talk.answers()
    talk.hears(AUDIO)

    assert not talk.protocol.ledger.settled


def test_a_call_cancelled_after_its_answer_is_not_waited_for() -> None:
    talk = Talk(LIVE_3_8)
    talk.hears(CALL, COMPLETE)
    talk.answers()
    talk.hears(MESSAGES["cancel"])

    assert talk.protocol.at_rest


def test_a_call_said_twice_is_one_call() -> None:
    talk = Talk()
    talk.hears(CALL)
    talk.answers()
    talk.hears(CALL, AUDIO, COMPLETE)

    assert talk.protocol.at_rest


def test_a_cancelled_call_is_no_longer_waited_for() -> None:
    talk = Talk()
    talk.hears(CALL, INTERRUPTED, MESSAGES["cancel"], COMPLETE)

    assert talk.protocol.at_rest
    assert talk.protocol.ledger.open_calls == ()


def test_extended_thinking_rests_only_when_it_says_idle() -> None:
    talk = Talk(EXTENDED_THINKING)
    filler = {"serverContent": {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}}
    talk.hears(AUDIO, filler)
    assert not talk.protocol.at_rest
    talk.hears(CALL)
    talk.answers()
    talk.hears(AUDIO, {"serverContent": {"turnComplete": True, "interactionStatus": "IDLE"}})
    assert talk.protocol.at_rest


@pytest.mark.parametrize("name", ["spoken_turn_3_8", "tool_round_3_1", "barge_in_2_5"])
def test_a_golden_conversation_is_understood(name: str) -> None:
    """Each file: a line that says the family and what must come out, then one server message a line."""
    lines = (Path(__file__).parent / "golden" / f"{name}.jsonl").read_text().splitlines()
    expected, *messages = map(json.loads, lines)
    family = {"3.8": LIVE_3_8, "3.1": LIVE_3_1, "2.5": NATIVE_AUDIO_2_5}[expected["family"]]
    protocol = LiveProtocol(family, strict=True)
    heard, said, chunks, ends = "", "", 0, []
    for message in messages:
        if "answer" in message:
            protocol.send(c.AnswerTools((c.ToolAnswer(message["answer"], "f", {"output": 1}),)))
            continue
        for event in protocol.receive_message(json.dumps(message, indent=2) + "\n", now=0.0):
            match event:
                case e.InputTranscript(text):
                    heard += text
                case e.OutputTranscript(text):
                    said += text
                case e.AudioChunk():
                    chunks += 1
                case e.Interrupted() | e.GenerationComplete() | e.TurnComplete():
                    ends.append(type(event).__name__)
                case _:
                    pass

    assert {"heard": heard, "said": said, "chunks": chunks, "ends": ends} == expected["expect"]
    assert protocol.at_rest
