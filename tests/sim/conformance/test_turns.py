"""A reply from its first empty message to its end, and how it is cut short."""

import asyncio

import pytest

from tests.sim.pictures import RED_PNG

THREES = ("3.1", "3.8", "3.8 ET")


@pytest.mark.rule("serverContent", "empty messages precede a reply", families=THREES)
async def test_empty_messages(talk):
    client = await talk.open()
    await client.type("Hello")
    turn = await client.turn()
    empty = [m for m in turn if m in ({}, {"serverContent": {}})]
    first_audio = next(i for i, m in enumerate(turn) if "modelTurn" in m.get("serverContent", {}))
    assert {"serverContent": {}} in turn[:first_audio]
    assert ({} in empty) is (talk.family != "3.1"), "3.8 sends {} before every chunk"


@pytest.mark.rule("serverContent", "there are no empty messages", families=("2.5",))
async def test_no_empty_messages(talk):
    client = await talk.open()
    await client.type("Hello")
    assert not [m for m in await client.turn() if m in ({}, {"serverContent": {}})]


@pytest.mark.rule("modelTurn", "audio is 24 kHz, and says so")
async def test_audio_names_its_rate(talk, values):
    client = await talk.open()
    await client.type("Hello")
    parts = [
        part for turn in values(await client.turn(), "modelTurn") for part in turn["parts"] if "inlineData" in part
    ]
    assert {part["inlineData"]["mimeType"] for part in parts} == {"audio/pcm;rate=24000"}


@pytest.mark.rule("modelTurn", "audio comes in chunks of 200 ms; now and then a single sample comes first")
async def test_chunks(talk, sounds):
    client = await talk.open()
    chunks = []
    for text in ("Hello", "And hello again"):
        await client.type(text)
        chunks.append([len(pcm) // 2 for pcm in map(sounds.pcm_of, await client.turn()) if pcm])
    (*usual, last), (tiny, *others, later) = chunks
    assert set(usual + others) == {4800}
    assert 0 < min(last, later) <= max(last, later) <= 4800
    assert tiny == 1


@pytest.mark.rule("modelTurn", "names its role on 3.8 and nowhere else")
async def test_roles(talk, values):
    client = await talk.open()
    await client.type("Hello")
    turns = values(await client.turn(), "modelTurn")
    assert {turn.get("role") for turn in turns} == {"model" if talk.family.startswith("3.8") else None}


@pytest.mark.rule("modelTurn", "a thought part comes before the audio", families=("2.5",))
async def test_thoughts_come_first(talk, values):
    client = await talk.open()
    await client.type("Hello")
    first, *others = [part for turn in values(await client.turn(), "modelTurn") for part in turn["parts"]]
    assert first["thought"] is True
    assert first["text"]
    assert not any("thought" in part for part in others)


@pytest.mark.rule("modelTurn", "there is no thought part unless includeThoughts asks for it", families=THREES)
async def test_thoughts_are_asked_for(talk, values):
    client = await talk.open()
    await client.type("Hello")
    assert all("inlineData" in part for turn in values(await client.turn(), "modelTurn") for part in turn["parts"])
    level = {"thinkingLevel": "LOW"} if talk.family == "3.8 ET" else {}
    client = await talk.open(generationConfig={"thinkingConfig": level | {"includeThoughts": True}})
    await client.type("Hello")
    assert any("thought" in part for turn in values(await client.turn(), "modelTurn") for part in turn["parts"])


@pytest.mark.rule("generationComplete", "follows the last audio at once")
async def test_generation_complete_follows_the_last_audio(talk):
    client = await talk.open()
    await client.type("Hello")
    turn = [m for m in await client.turn() if m.get("serverContent")]
    at = next(i for i, m in enumerate(turn) if "generationComplete" in m["serverContent"])
    assert "modelTurn" in turn[at - 1]["serverContent"]
    assert not any("modelTurn" in m["serverContent"] for m in turn[at:])


@pytest.mark.rule("turnComplete", "is held until playback would have ended")
async def test_turn_complete_waits_for_playback(talk, stage, sounds):
    await stage.serve(speed=5)  # the lower bound has a second of slack: 0.2 s for a busy machine
    client = await talk.open()
    await client.type("Hello")
    turn = await client.turn()
    first = next(t for t, m in zip(client.at, client.seen, strict=True) if sounds.pcm_of(m))
    assert client.at[-1] - first >= sounds.sound_s(turn) - 1


@pytest.mark.rule("turnComplete", "brings usageMetadata")
async def test_turn_complete_brings_usage(talk):
    client = await talk.open()
    await client.type("Hello")
    turn = await client.turn()
    assert [m for m in turn if "usageMetadata" in m] == [turn[-1]]


@pytest.mark.rule("turnComplete", "tells IDLE when nothing goes on", families=("3.8 ET",))
async def test_idle(talk):
    client = await talk.open()
    await client.type("Hello")
    assert (await client.turn())[-1]["serverContent"] == {"turnComplete": True, "interactionStatus": "IDLE"}


@pytest.mark.rule("turnComplete", "has no interactionStatus", families=("3.1", "3.8", "2.5"))
async def test_no_status(talk):
    client = await talk.open()
    await client.type("Hello")
    assert (await client.turn())[-1]["serverContent"] == {"turnComplete": True}


@pytest.mark.rule("modelTurn", "audio comes about 4.4 times as fast as it plays", families=("3.1", "3.8", "2.5"))
async def test_audio_is_fast(talk, stage, sounds):
    await stage.serve(speed=5)
    client = await talk.open()
    await client.type("a long story")
    turn = await client.until("generationComplete")
    first = next(t for t, m in zip(client.at, client.seen, strict=True) if sounds.pcm_of(m))
    # the lower bound is the promise; how late a busy machine is says nothing
    assert client.at[-1] - first >= sounds.sound_s(turn) / 4.4 - 1


@pytest.mark.rule("modelTurn", "audio comes about as fast as it plays", families=("3.8 ET",))
async def test_audio_is_slow(talk, stage, sounds):
    await stage.serve(speed=5)
    client = await talk.open()
    await client.type("Hello")
    turn = await client.until("generationComplete")
    first = next(t for t, m in zip(client.at, client.seen, strict=True) if sounds.pcm_of(m))
    assert client.at[-1] - first >= sounds.sound_s(turn) - 1


@pytest.mark.rule("interrupted", "while generating: no generationComplete, and turnComplete follows at once")
async def test_interrupted_while_generating(talk, stage, sounds):
    await stage.serve(speed=4)
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.type("Stop")
    cut = await client.turn()
    after = cut[next(i for i, m in enumerate(cut) if "interrupted" in m.get("serverContent", {})) :]
    assert set(sounds.kinds(after)) - {"interactionStatus"} <= {"interrupted", "modelTurn", "turnComplete"}
    assert sum("modelTurn" in m.get("serverContent", {}) for m in after) <= 3, "stale chunks"
    assert "generationComplete" not in sounds.kinds(cut)


@pytest.mark.rule(
    "interrupted", "comes after generationComplete too, while playback is assumed", families=("3.1", "3.8", "2.5")
)
async def test_interrupted_during_playback(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    await client.until("generationComplete")
    await client.type("Stop")
    assert sounds.kinds(await client.turn())[:2] == ["interrupted", "turnComplete"]


@pytest.mark.rule("interrupted", "no to three chunks of the old reply come after it")
async def test_stale_chunks(talk, stage, sounds):
    await stage.serve(speed=4)
    client = await talk.open()
    stale = []
    for _ in range(4):
        await client.type("a long story")
        await client.until(sounds.pcm_of)
        await client.send(clientContent={"turnComplete": True})
        await client.until("interrupted")
        stale.append(sum(bool(sounds.pcm_of(m)) for m in await client.turn()))
    assert sorted(stale) == [0, 1, 2, 3]


@pytest.mark.rule("interrupted", "the answer to the barge-in is a turn of its own")
async def test_the_barge_in_is_answered(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.type("Stop")
    await client.turn()
    assert "You typed: Stop" in sounds.said(await client.turn())


@pytest.mark.rule("interrupted", "comes with speech, in the same moment as ACTIVITY_START", families=THREES)
async def test_speech_interrupts(talk, stage, sounds):
    await stage.serve(speed=4)
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.say(sounds.speech_like(0.4))
    started, interrupted = (await client.until("voiceActivity"))[-1], await client.receive()
    assert started["voiceActivity"]["type"] == "ACTIVITY_START"
    assert interrupted == {"serverContent": {"interrupted": True}}


@pytest.mark.rule("interrupted", "comes with speech", families=("2.5",))
async def test_speech_interrupts_unannounced(talk, stage, sounds):
    await stage.serve(speed=4)
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.say(sounds.speech_like(0.4))
    await client.until("interrupted")


@pytest.mark.rule("interrupted", "does not come with NO_INTERRUPTION; the speech is answered afterwards")
async def test_no_interruption(talk, sounds):
    client = await talk.open(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    await client.type("Hello")
    await client.until("modelTurn")
    await client.say(sounds.speech_like(0.5) + sounds.silence(1.5))
    assert "interrupted" not in sounds.kinds(await client.turn())
    assert "seconds of speech" in sounds.said(await client.turn())


@pytest.mark.rule("usageMetadata", "the prompt grows with the history")
async def test_usage_grows(talk):
    client = await talk.open()
    usages = []
    for text in ("One", "Two"):
        await client.type(text)
        usages.append((await client.turn())[-1]["usageMetadata"])
    grown = usages[1]["promptTokenCount"] - usages[0]["promptTokenCount"]
    assert grown == usages[0]["responseTokenCount"] + 1
    assert usages[0]["totalTokenCount"] == usages[0]["promptTokenCount"] + usages[0]["responseTokenCount"]


@pytest.mark.rule("usageMetadata", "tells text, audio and pictures apart")
async def test_usage_has_modalities(talk, sounds):
    client = await talk.open()
    picture = {"data": RED_PNG, "mimeType": "image/png"}
    parts = [{"inlineData": picture}, {"text": "What is this?"}]
    await client.send(clientContent={"turns": [{"role": "user", "parts": parts}], "turnComplete": True})
    turn = await client.turn()
    usage = turn[-1]["usageMetadata"]
    assert [entry["modality"] for entry in usage["promptTokensDetails"]] == ["TEXT", "IMAGE"]
    (said,) = usage["responseTokensDetails"]
    assert said["modality"] == "AUDIO"
    assert abs(said["tokenCount"] - 25 * sounds.sound_s(turn)) <= 1


@pytest.mark.rule("usageMetadata", "counts a reply that was cut short by what was sent of it")
async def test_usage_of_a_barge_in(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    messages = await client.until("modelTurn")
    await client.type("Stop")
    messages += await client.turn()
    assert abs(messages[-1]["usageMetadata"]["responseTokenCount"] - 25 * sounds.sound_s(messages)) <= 1


@pytest.mark.rule("usageMetadata", "counts thoughts, in no sum", families=("3.8", "3.8 ET", "2.5"))
async def test_usage_of_thoughts(talk):
    client = await talk.open()
    await client.type("Hello")
    usage = (await client.turn())[-1]["usageMetadata"]
    assert usage["thoughtsTokenCount"] > 0
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]


@pytest.mark.rule("goAway", "comes after nine minutes with 50 s left; who stays is cut with 1008")
async def test_go_away(talk, stage):
    await stage.serve(speed=1000)
    client = await talk.open()
    began = stage.clock.now()
    assert (await client.until("goAway"))[-1] == {"goAway": {"timeLeft": "50s"}}
    assert stage.clock.now() - began >= 300
    code, reason = await client.closed()
    assert code == 1008
    assert reason.startswith("Connection aborted because the client failed to close the connection")


@pytest.mark.rule("any message", "an idle connection carries nothing")
async def test_idle_silence(talk):
    client = await talk.open()
    async with asyncio.timeout(10):
        await client.nothing_for(60)
