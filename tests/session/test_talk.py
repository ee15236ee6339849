"""A talk over a real WebSocket: what goes up, what is heard, what is told, how it ends."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from flashlive_cli.errors import ConnectionLost, ConnectionRejected, NoAnswer, RemoteProtocolError
from flashlive_cli.reports import (
    BargeInLatency,
    ReplyComplete,
    ReplyFlushed,
    SessionClosed,
    SessionReady,
    ToolCalled,
    ToolCancelled,
    ToolFinished,
    Transcript,
    Warned,
)
from flashlive_cli.session.givens import Patience, Spoken, Typed
from flashlive_cli.session.limits import Limits

WORDS = {"serverContent": {"outputTranscription": {"text": "Hi."}}}


@dataclass
class Outcome:
    """What a tool has come to."""

    response: dict[str, object]
    final: bool = True


class Weather:
    """Tools that answer at once, late, or never."""

    names = ("now", "later", "never")

    def __init__(self) -> None:
        self.called: list[str] = []
        self.open_later = asyncio.Event()

    def asks(self, name):
        return False

    def scheduling(self, name):
        return None

    async def outcomes(self, name, args):
        self.called.append(f"{name}{json.dumps(args)}")
        if name == "later":
            await self.open_later.wait()
        if name == "never":
            await asyncio.Event().wait()
        yield Outcome({"error": "no such town"} if args.get("town") == "X" else {"output": name})


async def test_a_typed_turn_is_answered_and_the_goodbye_is_polite(loopback) -> None:
    codes = []

    async def far_end(peer):
        setup = await peer.setup()
        assert setup["model"] == "models/gemini-3.1-flash-live-preview"
        assert await peer.next() == {"realtimeInput": {"text": "hello"}}
        await peer.say_audio(7, 40, outputTranscription={"text": "Hi."})
        await peer.end_turn()
        await peer.socket.wait_closed()
        codes.append(peer.socket.close_code)

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))
    await talk.closed.wait()

    assert talk.error is None
    assert codes == [1000]
    assert set(talk.speaker.heard[::2]) == {7}
    assert [(t.role, t.text, t.final, t.heard) for t in talk.told(Transcript)] == [
        ("user", "hello", True, None),
        ("model", "Hi.", False, None),
        ("model", "Hi.", True, "Hi."),
    ]
    assert [type(r) for r in talk.reports][:1] == [SessionReady]
    assert talk.told(SessionClosed)[0].code == 1000


async def test_a_spoken_turn_goes_up_whole_and_in_order(loopback) -> None:
    chunks = [bytes([n, 0]) * 320 for n in range(1, 20)]
    came = []

    async def far_end(peer):
        await peer.setup()
        while len(came) < len(chunks):
            came.append((await peer.next())["realtimeInput"]["audio"]["data"])
        await peer.say({"serverContent": {"inputTranscription": {"text": "Hello?"}}}, WORDS)
        await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(talk.say(*chunks))

    import base64

    assert [base64.b64decode(data) for data in came] == chunks
    assert [t.text for t in talk.told(Transcript) if t.final] == ["Hello?", "Hi."]


async def test_nothing_of_the_old_reply_is_heard_after_barge_in(loopback) -> None:
    """Once `interrupted` is handled, the speaker never plays another sample of that reply."""
    heard_before = []

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say_audio(1, 1000, outputTranscription={"text": "Once upon a time there was"})
        while not talk.speaker.held:
            await asyncio.sleep(0)
        talk.speaker.play(500)
        heard_before.append(len(talk.speaker.heard))
        await peer.say({"serverContent": {"interrupted": True}})
        await peer.say_audio(1, 200)
        await peer.say({"serverContent": {"turnComplete": True}})
        await peer.say_audio(2, 40, outputTranscription={"text": "Sure."})
        await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("a story, please"))

    assert set(talk.speaker.heard[heard_before[0] :: 2]) == {2}
    assert talk.told(ReplyFlushed) == [ReplyFlushed(heard_ms=500.0, dropped_ms=500.0)]
    assert [r.interrupted for r in talk.told(ReplyComplete)] == [True, False]
    assert len(talk.told(BargeInLatency)) == 1
    cut, whole = (t for t in talk.told(Transcript) if t.role == "model" and t.final)
    assert (cut.text, cut.heard) == ("Once upon a time there was", "Once")
    assert whole.heard == whole.text == "Sure."


async def test_a_tool_is_called_once_and_answered_once(loopback) -> None:
    answers = []

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        call = {"toolCall": {"functionCalls": [{"id": "a", "name": "now", "args": {"town": "Rome"}}]}}
        await peer.say(call, call)
        answers.append(await peer.next())
        await peer.say(WORDS)
        await peer.end_turn()
        answers.extend([json.loads(message) async for message in peer.socket])

    tools = Weather()
    talk = loopback(far_end)
    await talk.hold(Typed("weather?"), tools=tools)
    await talk.closed.wait()

    assert tools.called == ['now{"town": "Rome"}']
    assert answers == [
        {"toolResponse": {"functionResponses": [{"id": "a", "name": "now", "response": {"output": "now"}}]}}
    ]
    assert [(r.name, r.ok) for r in talk.told(ToolFinished)] == [("now", True)]


async def test_a_slow_tool_delays_neither_sound_nor_a_flush(loopback) -> None:
    tools = Weather()

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "later"}]}})
        await peer.say_audio(1, 100)
        await peer.say({"serverContent": {"interrupted": True}}, {"serverContent": {"turnComplete": True}})
        while not talk.told(ReplyFlushed):
            await asyncio.sleep(0.001)
        assert not tools.open_later.is_set()
        tools.open_later.set()
        await peer.next()
        await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("weather?"), tools=tools)

    assert talk.error is None
    assert [r.ok for r in talk.told(ToolFinished)] == [True]


async def test_a_cancelled_call_is_stopped_and_not_answered(loopback) -> None:
    after = []

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "never"}, {"id": "b", "name": "now"}]}})
        after.append(await peer.next())
        await peer.say({"toolCallCancellation": {"ids": ["a", "unknown"]}}, WORDS)
        await peer.end_turn()
        after.extend([json.loads(message) async for message in peer.socket])

    talk = loopback(far_end)
    await talk.hold(Typed("weather?"), tools=Weather())
    await talk.closed.wait()

    assert [m["toolResponse"]["functionResponses"][0]["id"] for m in after] == ["b"]
    assert [r.id for r in talk.told(ToolCancelled)] == ["a"]


async def test_without_tools_a_call_is_answered_with_an_error(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "invented"}]}})
        answer = (await peer.next())["toolResponse"]["functionResponses"][0]
        assert "invented" in answer["response"]["error"]
        await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))

    assert talk.error is None


async def test_on_3_8_the_answer_in_the_turn_after_the_call_is_waited_for(loopback) -> None:
    async def far_end(peer):
        setup = await peer.setup()
        assert setup["tools"][0]["functionDeclarations"][0]["behavior"] == "NON_BLOCKING"
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "now"}]}})
        await peer.say({"serverContent": {"turnComplete": True}})
        await peer.next()
        await asyncio.sleep(0.05)
        await peer.answer()

    talk = loopback(far_end, model="gemini-3.8-live")
    await talk.hold(Typed("weather?"), tools=Weather())

    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Hi."]


async def test_empty_messages_unknown_fields_and_odd_orders_are_survived(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say(
            {}, {"serverContent": {}}, {"mood": 1}, {"setupComplete": {}}, {"serverContent": {"x": []}}, WORDS
        )
        await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))

    assert talk.error is None
    assert [w.message for w in talk.told(Warned)] == [
        "unexpected from the server: SetupComplete in LISTENING (1 times)"
    ]


async def test_text_messages_of_a_proxy_are_read_too(loopback) -> None:
    async def far_end(peer):
        await peer.next()
        for message in ({"setupComplete": {}}, WORDS, {"serverContent": {"turnComplete": True}}):
            await peer.socket.send(json.dumps(message))
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))

    assert talk.error is None


async def test_the_key_goes_into_a_header_and_nowhere_else(loopback) -> None:
    async def far_end(peer):
        assert "sEcReT" not in peer.socket.request.path
        await peer.next()
        await peer.socket.close(1007, "API key sEcReT not valid. Please pass a valid API key.")

    talk = loopback(far_end)
    await talk.hold(Typed("hello"), key="sEcReT")

    assert talk.headers["x-goog-api-key"] == "sEcReT"
    assert isinstance(talk.error, ConnectionRejected)
    assert "API key (the key) not valid" in str(talk.error)
    assert "sEcReT" not in repr(talk.reports) + repr(talk.error.__cause__)


async def _abort(peer) -> None:
    peer.socket.transport.abort()


SETUP_FAILURES = {
    "closes": (lambda p: p.socket.close(1008, "models/x is not found"), ConnectionRejected, "models/x is not found"),
    "closes without a reason": (lambda p: p.socket.close(1011), ConnectionRejected, "1011"),
    "drops": (_abort, ConnectionRejected, "1006"),
    "malformed": (lambda p: p.say(b"{nonsense"), RemoteProtocolError, "no Live API message"),
    "20 MB": (lambda p: p.say(b" " * (20 * 2**20)), ConnectionRejected, "1009"),
    "silence": (lambda p: asyncio.sleep(0), NoAnswer, "did not answer the setup within 0.3 s"),
    "only empty messages": (lambda p: p.say({}, {}), NoAnswer, "within 0.3 s"),
}


@pytest.mark.parametrize(("act", "kind", "words"), SETUP_FAILURES.values(), ids=SETUP_FAILURES.keys())
async def test_a_setup_that_fails_ends_in_one_clear_error(loopback, act, kind, words) -> None:
    async def far_end(peer):
        await peer.next()
        await act(peer)
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    slow = kind is not NoAnswer
    await talk.hold(Typed("hello"), patience=Patience(setup_s=20 if slow else 0.3))

    assert type(talk.error) is kind
    assert words in str(talk.error)
    assert "\n" not in str(talk.error)


TALK_FAILURES = {
    "closes": (lambda p: p.socket.close(1008, "The operation was aborted."), ConnectionLost, "aborted"),
    "drops": (_abort, ConnectionLost, "1006"),
    "malformed": (lambda p: p.say(b"\xff"), ConnectionLost, "no Live API message"),
    "20 MB": (lambda p: p.say(b" " * (20 * 2**20)), ConnectionLost, "1009"),
}


@pytest.mark.parametrize(("act", "kind", "words"), TALK_FAILURES.values(), ids=TALK_FAILURES.keys())
async def test_a_talk_that_breaks_ends_in_one_clear_error_and_what_came_is_heard(loopback, act, kind, words) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say_audio(5, 100, outputTranscription={"text": "Well, "})
        await act(peer)
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"), patience=Patience(setup_s=20))

    assert type(talk.error) is kind
    assert words in str(talk.error)
    assert len(talk.speaker.heard) == 4800
    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Well,"]


async def test_silence_is_told_and_at_last_given_up(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"), patience=Patience(stall_s=0.05, answer_s=0.1))

    assert [w.message for w in talk.told(Warned)] == [
        "no answer to the typed line for 0.05 s",
        "no answer to the typed line; going on",
    ]
    assert isinstance(talk.error, NoAnswer)


async def test_an_answer_in_the_middle_of_a_clip_that_goes_on_in_noise_is_an_answer(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"serverContent": {"inputTranscription": {"text": "Hello?"}}}, WORDS)
        await peer.end_turn()
        while not talk.told(ReplyComplete):
            await asyncio.sleep(0.001)
        replied.set()
        await peer.socket.wait_closed()

    replied = asyncio.Event()
    talk = loopback(far_end)
    talk.clock.speed = 20

    async def clip() -> None:
        await talk.microphone.say(b"\1\0" * 320)
        await replied.wait()
        talk.microphone._chunks.put_nowait(b"\1\0" * 320)
        await talk.microphone._chunks.join()

    await talk.hold(Spoken("clip", clip))

    assert talk.error is None
    assert talk.told(Warned) == []


async def test_cancelling_a_talk_says_goodbye_with_1000(loopback) -> None:
    codes = []

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        asked.set()
        await peer.socket.wait_closed()
        codes.append(peer.socket.close_code)

    asked = asyncio.Event()
    talk = loopback(far_end)

    async def cut_short() -> None:
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(talk.hold(Typed("hello")))
            await asked.wait()
            holding.cancel()

    await cut_short()
    await talk.closed.wait()

    assert codes == [1000]


async def test_a_long_answer_is_no_missing_one(loopback) -> None:
    """`turnComplete` is held back while the reply plays: that silence of the server is no stall."""

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say_audio(3, 5000, outputTranscription={"text": "Long."})
        await peer.say({"serverContent": {"generationComplete": True}})
        generated.set()
        await played.wait()
        await peer.say({"serverContent": {"turnComplete": True}})
        await peer.socket.wait_closed()

    async def play_slowly() -> None:
        await generated.wait()
        await asyncio.sleep(0.3)  # three times the whole patience
        talk.speaker.play(5000)
        played.set()

    generated, played = asyncio.Event(), asyncio.Event()
    talk = loopback(far_end)
    async with asyncio.TaskGroup() as group:
        group.create_task(play_slowly())
        group.create_task(talk.hold(Typed("a story"), patience=Patience(stall_s=0.05, answer_s=0.1)))

    assert talk.error is None
    assert talk.told(Warned) == []


async def test_a_tool_slower_than_all_patience_is_waited_for(loopback) -> None:
    tools = Weather()

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "later"}]}})
        await asyncio.sleep(0.3)  # three times the whole patience
        tools.open_later.set()
        await peer.next()
        await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("weather?"), tools=tools, patience=Patience(stall_s=0.05, answer_s=0.1))

    assert talk.error is None
    assert talk.told(Warned) == []


GENERATED = {"serverContent": {"generationComplete": True}}


async def test_an_answer_that_is_all_there_is_an_answer_though_its_turn_never_ends(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say(WORDS, GENERATED)
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"), patience=Patience(stall_s=0.05, answer_s=0.1))

    assert talk.error is None
    assert [w.message for w in talk.told(Warned)] == [
        "nothing more of the answer to the typed line for 0.05 s",
        "the server did not end its turn after the answer to the typed line; going on",
    ]


@pytest.mark.parametrize("before", ["nothing", "an answer", "an answer that broke off"])
async def test_an_answer_that_breaks_off_in_the_middle_is_none(loopback, before) -> None:
    async def far_end(peer):
        await peer.setup()
        if before != "nothing":
            await peer.next()
            await peer.say(WORDS)
        if before == "an answer":
            await peer.end_turn()
        await peer.next()
        await peer.say(WORDS)
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    turns = [Typed("hello")] * (1 if before == "nothing" else 2)
    await talk.hold(*turns, patience=Patience(stall_s=0.05, answer_s=0.1))

    if before == "an answer":
        assert talk.error is None
    else:
        assert isinstance(talk.error, NoAnswer)
        assert str(talk.error) == "the server took every turn and answered none to its end"
    assert talk.told(Warned)[-1].message == (
        "the server broke off in the middle of its answer to the typed line; going on"
    )


async def test_speech_after_an_early_answer_is_waited_for(loopback) -> None:
    """The server heard more speech after it had answered the clip's first question: another answer is due."""

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"serverContent": {"inputTranscription": {"text": "One?"}}}, WORDS)
        await peer.end_turn()
        await peer.say({"voiceActivity": {"type": "ACTIVITY_START"}})
        while not talk.told(ReplyComplete):
            await asyncio.sleep(0.001)
        replied.set()
        await peer.next()
        await asyncio.sleep(0.4)  # longer than a clip that ends in noise is given, at this pace
        await peer.say({"serverContent": {"outputTranscription": {"text": "Two."}}})
        await peer.end_turn()
        await peer.socket.wait_closed()

    async def clip() -> None:
        await talk.microphone.say(b"\1\0" * 320)
        await replied.wait()
        await talk.microphone.say(b"\1\0" * 320)

    replied = asyncio.Event()
    talk = loopback(far_end)
    talk.clock.speed = 20
    await talk.hold(Spoken("clip", clip))

    assert [t.text for t in talk.told(Transcript) if t.final and t.role == "model"] == ["Hi.", "Two."]


async def test_a_call_said_twice_after_its_answer_hangs_nothing(loopback) -> None:
    call = {"toolCall": {"functionCalls": [{"id": "a", "name": "now"}]}}

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say(call)
        await peer.next()
        await peer.say(call, WORDS)
        await peer.end_turn()
        await peer.socket.wait_closed()

    talk = loopback(far_end)
    tools = Weather()
    await talk.hold(Typed("weather?"), tools=tools)

    assert talk.error is None
    assert len(tools.called) == 1


async def test_a_tool_that_runs_when_the_connection_breaks_is_cancelled_and_said_to_be(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "never"}]}})
        while not talk.told(ToolCalled):
            await asyncio.sleep(0.001)
        await _abort(peer)

    talk = loopback(far_end)
    await talk.hold(Typed("weather?"), tools=Weather())

    assert isinstance(talk.error, ConnectionLost)
    assert [r.id for r in talk.told(ToolCancelled)] == ["a"]


async def test_a_limit_cuts_a_clip_that_never_ends_and_its_answer_is_heard(loopback) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        while not ended.is_set():
            await asyncio.sleep(0.001)
        await peer.answer()

    async def endless() -> None:
        await talk.microphone.say(b"\1\0" * 320)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    ended = asyncio.Event()
    talk = loopback(far_end)
    await talk.hold(Spoken("clip", endless), Typed("not any more"), limits=Limits(duration_s=0.2))

    assert talk.error is None
    assert [t.text for t in talk.told(Transcript) if t.final] == ["Hi."]
    assert [w.message for w in talk.told(Warned)] == ["stopped after 0.2 s, as asked"]


async def test_not_even_the_debug_log_holds_the_key(loopback, caplog) -> None:
    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.answer()

    talk = loopback(far_end)
    with caplog.at_level("DEBUG"):
        await talk.hold(Typed("hello"), key="sEcReT")

    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert "sEcReT" not in "".join(record.getMessage() for record in ours)
    assert talk.headers["x-goog-api-key"] == "sEcReT"


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(loopback, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")

    async def far_end(peer):
        await peer.setup()
        await peer.next()
        await peer.answer()

    talk = loopback(far_end)
    await talk.hold(Typed("hello"))

    assert talk.error is None
