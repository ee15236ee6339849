"""Whole conversations over a real WebSocket."""

import itertools
import threading

import pytest

from flashlive_cli.sim import inbound
from flashlive_cli.sim.sight import Picture, look_at
from tests.sim.pictures import RED_PNG, RED_WORDS

WEATHER = {
    "name": "get_weather",
    "description": "Current weather of one city.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING", "description": "City"}},
        "required": ["city"],
    },
}
TOOLS = [{"functionDeclarations": [WEATHER]}]


async def test_a_typed_turn_has_the_order_and_timing_of_the_service(stage, sounds):
    await stage.serve(speed=5)
    client = await stage.dial()
    await client.setup()
    await client.type("Good morning")
    turn = await client.turn()

    assert sounds.kinds(turn) == ["modelTurn", "generationComplete", "turnComplete"]
    assert turn[0] == {"serverContent": {}}
    assert sounds.said(turn).endswith("You typed: Good morning")
    assert "simulator" in sounds.said(turn)
    first, generated, complete = (
        next(t for t, m in zip(client.at, client.seen, strict=True) if key in m.get("serverContent", {}))
        for key in ("modelTurn", "generationComplete", "turnComplete")
    )
    length_s = sounds.sound_s(turn)
    assert generated - first < length_s / 2, "generated faster than real time"
    # the lower bound is the promise; how late a busy machine is says nothing
    assert complete - first >= length_s - 1


async def test_a_spoken_turn_is_heard_transcribed_and_answered(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.say(sounds.silence(0.5) + sounds.speech_like(1.8) + sounds.silence(2))
    turn = await client.turn()

    assert sounds.kinds(turn) == [
        "ACTIVITY_START",
        "inputTranscription",
        "ACTIVITY_END",
        "modelTurn",
        "generationComplete",
        "turnComplete",
    ]
    start, end = (m for m in turn if "voiceActivity" in m)
    assert start == {"serverContent": {}, "voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.500s"}}
    assert 3.4 <= float(end["voiceActivity"]["audioOffset"].rstrip("s")) <= 3.5
    assert "I heard 1.7 seconds of speech." in sounds.said(turn) or "I heard 1.8" in sounds.said(turn)


async def test_without_silence_nothing_ends(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.say(sounds.speech_like(1))
    await client.until("voiceActivity")
    await client.nothing_for(5)

    await client.send(realtimeInput={"audioStreamEnd": True})
    assert sounds.kinds(await client.turn())[:2] == ["inputTranscription", "ACTIVITY_END"]


async def test_a_barge_in_while_generating_stops_the_reply(stage, sounds):
    await stage.serve(speed=4)
    client = await stage.dial()
    await client.setup()
    await client.type("Tell me a long story")
    await client.until("modelTurn")
    await client.say(sounds.silence(0.1) + sounds.speech_like(0.5))
    cut = await client.turn()

    names = sounds.kinds(cut)
    assert "generationComplete" not in names
    assert names[-4:] in (
        ["ACTIVITY_START", "interrupted", "modelTurn", "turnComplete"],
        ["modelTurn", "ACTIVITY_START", "interrupted", "turnComplete"],
    )
    assert cut[-1]["usageMetadata"]["responseTokenCount"] > 0
    assert sounds.sound_s(cut) < 10

    await client.say(sounds.silence(1.5))
    assert sounds.kinds(await client.turn())[:3] == ["inputTranscription", "ACTIVITY_END", "modelTurn"]


async def test_a_barge_in_during_assumed_playback_interrupts_too(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.type("Tell me a long story")
    await client.until("generationComplete")
    await client.type("Stop")
    cut = await client.turn()
    assert sounds.kinds(cut) == ["interrupted", "turnComplete"]
    assert "You typed: Stop" in sounds.said(await client.turn())


async def test_client_content_without_turns_is_a_clean_stop(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.type("Tell me a long story")
    await client.until("modelTurn")
    await client.send(clientContent={"turnComplete": True})
    assert sounds.kinds(await client.turn())[-1] == "turnComplete"
    await client.nothing_for(3)
    await client.send(client_content={"turns": [], "turnComplete": True})
    await client.nothing_for(3)


async def test_a_result_that_waits_is_told_after_a_clean_stop(stage, sounds):
    client = await stage.dial()
    await client.setup("models/gemini-3.8-live", tools=TOOLS)
    await client.type("weather")
    call = next(m for m in await client.turn() if "toolCall" in m)["toolCall"]["functionCalls"][0]
    await client.type("a long story")
    await client.until("modelTurn")
    answer = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}}
    await client.send(toolResponse={"functionResponses": [answer]})
    await client.send(clientContent={"turnComplete": True})
    assert "interrupted" in sounds.kinds(await client.turn())
    assert "sunny" in sounds.said(await client.turn())


async def test_no_interruption_lets_the_reply_finish_and_then_answers(stage, sounds):
    client = await stage.dial()
    await client.setup(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    await client.type("Hello")
    await client.until("modelTurn")
    await client.say(sounds.speech_like(0.5) + sounds.silence(1.5))
    first = await client.turn()
    assert "interrupted" not in sounds.kinds(first)
    assert "I heard 0." in sounds.said(await client.turn())


async def test_a_blocking_tool_holds_the_turn_until_it_is_answered(stage, sounds):
    client = await stage.dial()
    await client.setup(tools=TOOLS)
    await client.type("What is the weather in London?")
    call = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"][0]
    assert call["name"] == "get_weather"
    assert call["args"] == {"city": "London"}
    assert call["id"].startswith("fc_")
    assert len(call["id"]) == 22
    await client.nothing_for(2)

    await client.send(
        tool_response={
            "functionResponses": [
                {"id": "fc_1", "name": "get_weather", "response": {"output": "nobody asked"}},
                {"id": call["id"], "name": "get_weather", "response": {"output": "12 degrees, fog."}},
            ]
        }
    )
    turn = await client.turn()
    assert sounds.kinds(turn) == ["sessionResumptionUpdate", "modelTurn", "generationComplete", "turnComplete"]
    assert sounds.said(turn).endswith("get weather says: 12 degrees, fog.")


async def test_the_second_spoken_turn_calls_a_tool(stage, sounds):
    client = await stage.dial()
    await client.setup(tools=TOOLS)
    for expected in ("generationComplete", "toolCall"):
        await client.say(sounds.speech_like(0.6) + sounds.silence(1.3))
        last = (await client.until(lambda m: "toolCall" in m or "generationComplete" in m.get("serverContent", {})))[-1]
        assert expected in last or expected in last["serverContent"]
        if "toolCall" not in last:
            await client.turn()
    assert last["toolCall"]["functionCalls"][0]["args"] == {"city": "sample city"}


async def test_an_error_is_apologised_for(stage, sounds):
    client = await stage.dial()
    await client.setup(tools=TOOLS)
    await client.type("weather please")
    call = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"][0]
    answer = {"id": call["id"], "name": call["name"], "response": {"error": "no such city"}}
    await client.send(toolResponse={"functionResponses": [answer]})
    assert sounds.said(await client.turn()).endswith("I am sorry, get weather failed: no such city.")


async def test_a_barge_in_cancels_the_open_call(stage, sounds):
    client = await stage.dial()
    await client.setup(tools=TOOLS)
    await client.type("weather please")
    call = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"][0]
    await client.say(sounds.speech_like(0.5))
    cut = await client.turn()
    assert sounds.kinds(cut) == ["ACTIVITY_START", "interrupted", "toolCallCancellation", "turnComplete"]
    assert cut[2]["toolCallCancellation"] == {"ids": [call["id"]]}
    # an answer that comes all the same is ignored
    answer = {"id": call["id"], "name": call["name"], "response": {"output": "late"}}
    await client.send(toolResponse={"functionResponses": [answer]})
    await client.nothing_for(2)


async def test_3_8_ends_the_turn_with_the_call_and_tells_the_result_in_another(stage, sounds):
    client = await stage.dial()
    await client.setup("models/gemini-3.8-live", tools=TOOLS)
    await client.type("weather in Rome please")
    turn = await client.turn()
    assert sounds.kinds(turn) == ["toolCall", "turnComplete"]
    call = next(m for m in turn if "toolCall" in m)["toolCall"]["functionCalls"][0]
    assert call["id"].startswith("call_")
    await client.nothing_for(2)
    answer = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}, "scheduling": "WHEN_IDLE"}
    await client.send(toolResponse={"functionResponses": [answer]})
    told = await client.turn()
    assert sounds.kinds(told) == ["modelTurn", "generationComplete", "turnComplete"]
    assert sounds.said(told).endswith("get weather says: sunny.")
    assert next(m for m in told if sounds.pcm_of(m))["serverContent"]["modelTurn"]["role"] == "model"
    assert told[:2] == [{}, {"serverContent": {}}]


@pytest.mark.parametrize(("scheduling", "cut"), [("INTERRUPT", True), ("SILENT", False)])
async def test_3_8_schedules_what_it_tells(stage, sounds, scheduling, cut):
    client = await stage.dial()
    await client.setup("models/gemini-3.8-live", tools=TOOLS)
    await client.type("weather")
    call = next(m for m in await client.turn() if "toolCall" in m)["toolCall"]["functionCalls"][0]
    await client.type("a long story")
    await client.until("modelTurn")
    answer = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}, "scheduling": scheduling}
    await client.send(toolResponse={"functionResponses": [answer]})
    assert ("interrupted" in sounds.kinds(await client.turn())) is cut
    if cut:
        assert "sunny" in sounds.said(await client.turn())
    else:
        await client.nothing_for(2)


async def test_extended_thinking_says_it_is_not_done(stage, sounds):
    client = await stage.dial()
    level = {"thinkingConfig": {"thinkingLevel": "low"}}
    await client.setup("models/gemini-3.8-live-extended-thinking", generationConfig=level, tools=TOOLS)
    await client.type("weather")
    filler = await client.turn()
    assert filler[-1]["serverContent"] == {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}
    message = (await client.until("toolCall"))[-1]
    assert message["interactionStatus"] == "IN_PROGRESS"
    call = message["toolCall"]["functionCalls"][0]
    answer = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}}
    await client.send(toolResponse={"functionResponses": [answer]})
    told = await client.turn()
    assert told[-1]["serverContent"] == {"turnComplete": True, "interactionStatus": "IDLE"}
    assert "sunny" in sounds.said(told)


async def test_2_5_has_its_own_shapes(stage, sounds):
    client = await stage.dial()
    await client.setup("models/gemini-2.5-flash-native-audio-latest", tools=TOOLS)
    content = {"turns": [{"role": "user", "parts": [{"text": "Good day"}]}], "turnComplete": True}
    await client.send(clientContent=content)
    turn = await client.turn()
    assert {} not in turn
    assert {"serverContent": {}} not in turn
    assert not any("sessionResumptionUpdate" in m for m in client.seen)
    assert turn[0]["serverContent"]["modelTurn"]["parts"][0]["thought"] is True
    assert any(list(m["serverContent"]) == ["outputTranscription"] for m in turn)
    assert not any({"outputTranscription", "modelTurn"} <= set(m["serverContent"]) for m in turn)
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    heard = (await client.until("modelTurn"))[:-1]
    assert [m["serverContent"]["inputTranscription"]["text"] for m in heard][1:] == [" s", " of", " speech)"]


async def test_manual_activity_makes_the_turn(stage, sounds):
    client = await stage.dial()
    await client.setup(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
    await client.say(sounds.speech_like(1) + sounds.silence(2))
    await client.nothing_for(3)
    await client.send(realtimeInput={"activityStart": {}})
    await client.say(sounds.speech_like(2))
    await client.send(realtimeInput={"activityEnd": {}})
    turn = await client.turn()
    assert sounds.kinds(turn) == ["inputTranscription", "modelTurn", "generationComplete", "turnComplete"]
    assert "I heard 2.0 seconds of speech." in sounds.said(turn)

    await client.type("a long story")
    await client.until("modelTurn")
    await client.send(realtimeInput={"activityStart": {}})
    assert "interrupted" in sounds.kinds(await client.turn())


async def test_pictures_are_counted(stage, sounds):
    client = await stage.dial()
    await client.setup()
    picture = {"data": RED_PNG, "mime_type": "image/png"}
    await client.send(realtime_input={"video": picture})
    await client.send(realtime_input={"video": picture})
    await client.type("Look")
    assert f"I see 2 pictures, the last of {RED_WORDS}." in sounds.said(turn := await client.turn())
    image = {"modality": "IMAGE", "tokenCount": 516}
    assert image in turn[-1]["usageMetadata"]["promptTokensDetails"]
    parts = [{"inlineData": picture}, {"text": "And now?"}]
    await client.send(clientContent={"turns": [{"parts": parts}], "turnComplete": True})
    assert f"I see a picture of {RED_WORDS}." in sounds.said(await client.turn())


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        ({"data": "_9j_4AAQ", "mime_type": "image/jpeg"}, "cut short"),
        ({"data": RED_PNG, "mime_type": "image/jpeg"}, "said to be image/jpeg, and is image/png"),
        ({"data": "", "mime_type": "image/png"}, "without data"),
    ],
)
@pytest.mark.parametrize("inline", [False, True])
async def test_a_picture_that_is_none_closes_with_1007(stage, picture, reason, inline):
    client = await stage.dial()
    await client.setup()
    if inline:
        await client.send(clientContent={"turns": [{"parts": [{"inlineData": picture}]}], "turnComplete": True})
    else:
        await client.send(realtime_input={"video": picture})
    code, said = await client.closed()
    assert code == 1007
    assert reason in said


async def test_while_a_picture_is_looked_at_others_are_served(stage, sounds, monkeypatch):
    """A large one takes half a second of a core; in a thread, and what was said behind it comes behind it."""
    monkeypatch.setattr(inbound, "look_at", looks := Looks())
    await stage.serve()
    hostile, other = await stage.dial(), await stage.dial()
    await hostile.setup()
    await other.setup()
    await hostile.send(realtimeInput={"video": {"data": RED_PNG, "mimeType": "image/png"}})
    await hostile.type("What is this?")
    await other.type("Are you there?")
    assert "Are you there?" in sounds.said(await other.turn())
    assert looks.threads == {"flashlive-sim-lookers_0"}
    looks.go.set()
    assert f"I see a picture of {RED_WORDS}." in sounds.said(await hostile.turn())


@pytest.mark.parametrize("spelt", ["image/png", "IMAGE/PNG", "image\\/png", "\\u0069mage/png"])
async def test_a_picture_is_looked_at_in_a_thread_however_its_type_is_spelt(stage, monkeypatch, spelt):
    monkeypatch.setattr(inbound, "look_at", looks := Looks())
    looks.go.set()
    await stage.serve()
    client = await stage.dial()
    await client.setup()
    picture = f'{{"data": "{RED_PNG}", "mimeType": "{spelt}"}}'
    turn = f'{{"clientContent": {{"turns": [{{"parts": [{{"inlineData": {picture}}}]}}], "turnComplete": true}}}}'
    await client.ws.send(turn)
    await client.turn()
    assert looks.threads == {"flashlive-sim-lookers_0"}


class Looks:
    """Looks when it is let, and notes in which threads."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.threads: set[str] = set()

    def __call__(self, image: bytes, mime_type: str) -> Picture:
        self.threads.add(threading.current_thread().name)
        assert self.go.wait(20)
        return look_at(image, mime_type)


async def test_pictures_at_a_low_resolution_cost_less(stage, sounds):
    client = await stage.dial()
    await client.setup(generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"})
    await client.send(realtime_input={"video": {"data": RED_PNG, "mime_type": "image/png"}})
    await client.type("Look")
    turn = await client.turn()
    assert {"modality": "IMAGE", "tokenCount": 64} in turn[-1]["usageMetadata"]["promptTokensDetails"]


async def test_usage_grows_with_the_history(stage, sounds):
    client = await stage.dial()
    await client.setup()
    usages = []
    for text in ("One", "Two"):
        await client.type(text)
        turn = await client.turn()
        usages.append(turn[-1]["usageMetadata"])
        spoken = {"modality": "AUDIO", "tokenCount": usages[-1]["responseTokenCount"]}
        assert usages[-1]["responseTokensDetails"] == [spoken]
        assert abs(spoken["tokenCount"] - 25 * sounds.sound_s(turn)) <= 1
    assert usages[0]["promptTokenCount"] == 1
    assert usages[1]["promptTokenCount"] == 2 + usages[0]["responseTokenCount"]
    assert "thoughtsTokenCount" not in usages[0]


async def test_seeded_history_is_swallowed(stage, sounds):
    client = await stage.dial()
    await client.setup(historyConfig={"initialHistoryInClientContent": True})
    past = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]
    await client.send(clientContent={"turns": past})
    await client.send(clientContent={"turns": past, "turnComplete": True})
    await client.nothing_for(3)
    await client.send(clientContent={"turns": [{"parts": [{"text": "Now"}]}], "turnComplete": True})
    assert "You typed: Now" in sounds.said(await client.turn())


async def test_a_context_update_replaces_the_tools(stage, sounds):
    client = await stage.dial()
    await client.setup(tools=TOOLS)
    await client.send(contextUpdate={"tools": {"tools": []}, "systemInstruction": {"parts": [{"text": "Be brief."}]}})
    await client.type("weather")
    assert "toolCall" not in sounds.kinds(await client.turn())


async def test_nothing_is_said_twice_in_a_row(stage, sounds):
    client = await stage.dial()
    await client.setup()
    texts = []
    for _ in range(4):
        await client.type("Hm")
        texts.append(sounds.said(await client.turn()))
    assert all(a != b for a, b in itertools.pairwise(texts))


async def test_something_long_takes_ten_seconds(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.type("tell me something long")
    assert sounds.sound_s(await client.until("generationComplete")) >= 10


async def test_output_is_transcribed_only_on_request(stage, sounds):
    client = await stage.dial()
    await client.send(setup={"model": "models/gemini-3.1-flash-live-preview"})
    await client.until("setupComplete")
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    turn = await client.turn()
    assert sounds.said(turn) == ""
    assert "inputTranscription" in sounds.kinds(turn), "3.1 sends it unasked"
