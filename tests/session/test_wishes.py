"""What a person does to a talk in mid-conversation, over a real WebSocket; and the limits of a talk."""

import asyncio
import base64
import json
from typing import Any

import pytest

from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.prices import Price
from flashlive_cli.reports import (
    MicrophoneSwitched,
    ReplyFlushed,
    SessionClosed,
    TalkSummary,
    ToolFinished,
    Transcript,
    UsageReported,
    Warned,
)
from flashlive_cli.session.calls import STOPPED
from flashlive_cli.session.givens import Spoken, Typed
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.wishes import Mute, Push, Say, StopReply

CALL = {"toolCall": {"functionCalls": [{"id": "1", "name": "never", "args": {}}]}}
USAGE = {
    "promptTokenCount": 1_000_000,
    "responseTokenCount": 100_000,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1_000_000}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 100_000}],
}


class Never:
    """A tool that does not come to an end."""

    names = ("never",)

    def asks(self, name):
        return False

    def scheduling(self, name):
        return None

    async def outcomes(self, name, args):
        await asyncio.Event().wait()
        yield


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_what_is_typed_in_mid_talk_goes_up_and_is_part_of_the_story(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        talk.wishes.put_nowait(Say("What time is it?"))
        typed.append(await peer.next())
        await peer.answer()

    typed: list[dict[str, Any]] = []
    talk = loopback(far_end)
    await talk.hold(live=True, limits=Limits(duration_s=0.2))

    assert typed == [{"realtimeInput": {"text": "What time is it?"}}]
    assert [(t.role, t.text) for t in talk.told(Transcript) if t.final] == [
        ("user", "What time is it?"),
        ("model", "Hi."),
    ]


@pytest.mark.parametrize(
    ("model", "told"),
    [("gemini-3.8-live", [{"clientContent": {"turnComplete": True}}]), ("gemini-3.1-flash-live-preview", [])],
)
async def test_a_reply_stopped_by_a_key_is_silent_at_once_and_stays_so(loopback, model, told) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.say({"serverContent": {"outputTranscription": {"text": "One two three four."}}})
        await peer.say_audio(dye=1, ms=400)
        await until(lambda: talk.speaker.held_frames)
        talk.speaker.play(100)
        talk.wishes.put_nowait(StopReply())
        heard.extend([await peer.next() for _ in told])
        await until(lambda: talk.told(ReplyFlushed))
        await peer.say_audio(dye=2, ms=400)
        await peer.end_turn()
        await peer.say_audio(dye=3, ms=40)
        await until(lambda: talk.speaker.held_frames)
        talk.speaker.play(100)
        await peer.answer()

    heard: list[dict[str, Any]] = []
    talk = loopback(far_end, model=model)
    await talk.hold(live=True, limits=Limits(duration_s=0.3))

    assert heard == told
    assert set(talk.speaker.heard[::2]) == {1, 3}, "nothing of the stopped reply sounds any more"
    assert talk.told(ReplyFlushed) == [ReplyFlushed(heard_ms=100.0, dropped_ms=300.0, by="key")]
    first = next(t for t in talk.told(Transcript) if t.final)
    assert first.heard is not None
    assert first.text.startswith(first.heard)
    assert len(first.heard) < len(first.text)


async def test_where_all_is_silent_stopping_ends_the_tools_that_run(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.say(CALL)
        await until(lambda: any(type(r).type == "tool.called" for r in talk.reports))
        talk.wishes.put_nowait(StopReply())
        answers.append(await peer.next())
        await peer.answer()

    answers: list[dict[str, Any]] = []
    talk = loopback(far_end)
    await talk.hold(live=True, tools=Never(), limits=Limits(duration_s=0.2))

    assert answers[0]["toolResponse"]["functionResponses"] == [
        {"id": "1", "name": "never", "response": {"error": STOPPED}}
    ]
    assert [(t.id, t.ok) for t in talk.told(ToolFinished)] == [("1", False)]


async def test_a_muted_microphone_sends_nothing_until_it_is_open_again(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await talk.microphone.say(chunk(1), chunk(1))
        for wish, state, dye in ((Mute(True), "muted", 2), (Mute(False), "open", 3)):
            talk.wishes.put_nowait(wish)
            await until(lambda wanted=state: MicrophoneSwitched(wanted) in talk.reports)
            await talk.microphone.say(chunk(dye), chunk(dye))
        sent.extend([sound_of(await peer.next()) for _ in range(5)])
        await peer.answer()

    sent: list[object] = []
    talk = loopback(far_end)
    await talk.hold(live=True, limits=Limits(duration_s=0.3))

    assert sent == [1, 1, {"realtimeInput": {"audioStreamEnd": True}}, 3, 3]
    assert [r.state for r in talk.told(MicrophoneSwitched)] == ["muted", "open"]


async def test_push_to_talk_tells_the_activity_and_silences_the_reply_that_sounds(loopback) -> None:
    async def far_end(peer):
        setup.append(await peer.setup())
        await peer.say_audio(dye=9, ms=400)
        await until(lambda: talk.speaker.held_frames)
        await talk.microphone.say(chunk(1), chunk(2))
        talk.wishes.put_nowait(Push(True))
        await until(lambda: talk.told(ReplyFlushed))
        await talk.microphone.say(chunk(3))
        talk.wishes.put_nowait(Push(False))
        await until(lambda: len(talk.told(MicrophoneSwitched)) == 3)
        await talk.microphone.say(chunk(4))
        sent.extend([sound_of(await peer.next()) for _ in range(7)])
        await peer.say({"serverContent": {"interrupted": True}})
        await peer.end_turn()
        await peer.answer()

    setup: list[dict[str, Any]] = []
    sent: list[object] = []
    talk = loopback(far_end)
    await talk.hold(live=True, detection=c.Detection(disabled=True), limits=Limits(duration_s=0.5))

    assert setup[0]["realtimeInputConfig"]["automaticActivityDetection"]["disabled"] is True
    assert sent == [
        {"realtimeInput": {"activityStart": {}}},
        1,
        2,
        3,
        4,
        0,
        {"realtimeInput": {"activityEnd": {}}},
    ]
    assert [r.state for r in talk.told(MicrophoneSwitched)] == ["waiting", "pushed", "waiting"]
    assert talk.speaker.heard == b""


async def test_a_clip_is_pushed_where_activity_is_told_by_hand(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        while "activityEnd" not in (message := await peer.next()).get("realtimeInput", {}):
            sent.append(sound_of(message))
        await peer.answer()

    async def play_and_go_on() -> None:
        await talk.microphone.say(chunk(1), chunk(2))
        talk.microphone.hear(chunk(0))

    sent: list[object] = []
    talk = loopback(far_end)
    await talk.hold(Spoken("clip", play_and_go_on), detection=c.Detection(disabled=True))

    assert talk.error is None
    assert sent == [{"realtimeInput": {"activityStart": {}}}, 1, 2, 0, 0]


async def test_a_talk_that_costs_too_much_takes_no_further_turn(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"serverContent": {"outputTranscription": {"text": "Hi."}}}, {"usageMetadata": USAGE})
        await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    price = Price(text_in=1, audio_in=3, image_in=1, text_out=1, audio_out=12)
    await talk.hold(Typed("hello"), Typed("not any more"), price=price, limits=Limits(cost_usd=4))

    assert talk.error is None
    assert [w.message for w in talk.told(Warned)] == ["stopped at $4.2000: the limit is $4"]
    assert [(u.cost_usd, u.total_cost_usd) for u in talk.told(UsageReported)] == [(4.2, 4.2)]
    assert [t.text for t in talk.told(Transcript) if t.role == "user"] == ["hello"]


async def test_a_live_talk_ends_politely_after_the_turn_in_which_it_reached_a_limit(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.say_audio(dye=1, ms=40)
        await peer.say({"usageMetadata": USAGE})
        await peer.say_audio(dye=2, ms=40)
        await peer.end_turn()
        await until(lambda: len(talk.speaker.held) == 2 * 40 * 48)
        talk.speaker.play(100)
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    price = Price(text_in=1, audio_in=3, image_in=1, text_out=1, audio_out=12)
    await talk.hold(live=True, price=price, limits=Limits(cost_usd=1))

    assert set(talk.speaker.heard[::2]) == {1, 2}
    assert [r.code for r in talk.told(SessionClosed)] == [1000]


async def test_a_talk_is_summed_up_before_it_is_closed(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"usageMetadata": USAGE})
        await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))

    summary, closed = talk.reports[-2:]
    assert isinstance(closed, SessionClosed)
    assert isinstance(summary, TalkSummary)
    assert (summary.turns, summary.cost_usd) == (1, None)
    assert summary.prompt_tokens_by_modality == {"AUDIO": 1_000_000}
    assert summary.response_tokens_by_modality == {"AUDIO": 100_000}


class Notes:
    """Sees what passes the wire."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.sound = b""
        self.times: list[float] = []

    def sent(self, message: str, now: float) -> None:
        self.messages.append(("c", next(iter(json.loads(message)))))
        self.times.append(now)

    def received(self, message: bytes, now: float) -> None:
        self.messages.append(("s", next(iter(json.loads(message)))))
        self.times.append(now)

    def spoke(self, pcm: bytes, now: float) -> None:
        self.sound += pcm


async def test_a_witness_sees_all_that_passes_in_its_order(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.answer()

    talk = loopback(far_end)
    talk.witness = notes = Notes()
    await talk.hold(talk.say(chunk(7)))

    assert notes.messages == [
        ("c", "setup"),
        ("s", "setupComplete"),
        ("c", "realtimeInput"),
        ("s", "serverContent"),
        ("s", "serverContent"),
        ("s", "serverContent"),
    ]
    assert notes.times == sorted(notes.times)
    assert notes.sound == chunk(7)


def chunk(dye: int) -> bytes:
    return dye.to_bytes(2, "little") * 320


def sound_of(message: dict[str, Any]) -> object:
    """The dye of a message that carries sound; any other message as it is."""
    sound = message.get("realtimeInput", {}).get("audio")
    return int.from_bytes(base64.b64decode(sound["data"])[:2], "little") if sound else message
