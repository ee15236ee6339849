"""What the user says, types and shows: `realtimeInput` and `clientContent`."""

import pytest

from tests.sim.pictures import RED_PNG, RED_WORDS

THREES = ("3.1", "3.8", "3.8 ET")
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
PCM = "audio/pcm;rate=16000"
INVALID = "Request contains an invalid argument."
NOT_IMPLEMENTED = "Operation is not implemented, or supported, or enabled."


def typed(*texts, role="user", **fields):
    return {"turns": [{"role": role, "parts": [{"text": text}]} for text in texts]} | fields


@pytest.mark.rule("realtimeInput.audio", "speech and the silence after it make a turn")
async def test_a_spoken_turn(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    assert "seconds of speech" in sounds.said(await client.turn())


@pytest.mark.rule("realtimeInput.audio", "without silence the turn stays open")
async def test_no_end_without_silence(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1))
    if talk.family != "2.5":
        await client.until("voiceActivity")
    await client.nothing_for(10)


@pytest.mark.rule("realtimeInput.audio", "silenceDurationMs decides how much silence ends the turn")
async def test_silence_duration(talk, sounds):
    detection = {"automaticActivityDetection": {"silenceDurationMs": 300}}
    client = await talk.open(realtimeInputConfig=detection)
    await client.say(sounds.speech_like(1) + sounds.silence(0.5))
    await client.turn()


@pytest.mark.rule("realtimeInput.audio", "other rates are taken where they are declared")
async def test_other_rates(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1, 48_000) + sounds.silence(1.5, 48_000), 48_000)
    assert "I heard 1.0" in sounds.said(await client.turn()) or "I heard 0.9" in sounds.said(client.seen)


@pytest.mark.rule("realtimeInput.audio", "containers and torn samples close with 1007")
async def test_containers(talk):
    for blob in ({"data": "AAA=", "mimeType": "audio/wav"}, {"data": "AAAA", "mimeType": PCM}):
        client = await talk.open()
        await client.send(realtimeInput={"audio": blob})
        code, reason = await client.closed()
        assert code == 1007
        assert reason.startswith(INVALID)


@pytest.mark.rule("realtimeInput.audio", "URL-safe base64 and snake_case are taken")
async def test_url_safe_base64(talk):
    client = await talk.open()
    await client.send(realtime_input={"audio": {"data": "_-A=", "mime_type": PCM}})
    await client.type("Hello")
    await client.turn()


@pytest.mark.rule("voiceActivity", "tells start and end, with offsets on the input clock", families=THREES)
async def test_voice_activity(talk, sounds, values):
    client = await talk.open()
    await client.say(sounds.silence(0.5) + sounds.speech_like(1.5) + sounds.silence(1.5))
    start, end = values(await client.until("generationComplete"), "voiceActivity")
    assert start == {"type": "ACTIVITY_START", "audioOffset": "0.500s"}
    assert end["type"] == "ACTIVITY_END"
    assert 3.1 <= float(end["audioOffset"].rstrip("s")) <= 3.2


@pytest.mark.rule("voiceActivity", "does not come", families=("2.5",))
async def test_no_voice_activity(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    assert not any("voiceActivity" in m for m in await client.turn())


@pytest.mark.rule("voiceActivity", "comes beside an empty serverContent", families=("3.1",))
async def test_voice_activity_beside_content(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(0.5))
    assert set((await client.until("voiceActivity"))[-1]) == {"serverContent", "voiceActivity"}


@pytest.mark.rule("inputTranscription", "is one message, just before ACTIVITY_END and the reply", families=THREES)
async def test_the_input_transcript_is_one_message(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    turn = await client.turn()
    assert sounds.kinds(turn)[:4] == ["ACTIVITY_START", "inputTranscription", "ACTIVITY_END", "modelTurn"]


@pytest.mark.rule("inputTranscription", "comes unasked too", families=THREES)
async def test_the_input_transcript_comes_unasked(talk, stage, sounds):
    client = await stage.dial()
    fields = talk.setup()
    del fields["inputAudioTranscription"]
    await client.send(setup=fields)
    await client.until("setupComplete")
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    assert "inputTranscription" in sounds.kinds(await client.turn())


@pytest.mark.rule("inputTranscription", "comes in pieces with their own spaces, before the reply", families=("2.5",))
async def test_the_input_transcript_comes_in_pieces(talk, sounds, values):
    client = await talk.open()
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    pieces = values(await client.until("modelTurn"), "inputTranscription")
    assert len(pieces) > 1
    assert all(set(piece) == {"text"} and piece["text"].startswith(" ") for piece in pieces)


@pytest.mark.rule("inputTranscription", "comes only on request", families=("2.5",))
async def test_the_input_transcript_is_asked_for(talk, stage, sounds):
    client = await stage.dial()
    await client.send(setup={"model": talk.model})
    await client.until("setupComplete")
    await client.say(sounds.speech_like(1) + sounds.silence(1.5))
    assert "inputTranscription" not in sounds.kinds(await client.turn())


@pytest.mark.rule("outputTranscription", "rides on audio", families=THREES)
async def test_the_output_transcript_rides_on_audio(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    told = [m["serverContent"] for m in await client.turn() if "outputTranscription" in m.get("serverContent", {})]
    assert len(told) > 5
    assert all("modelTurn" in content for content in told)


@pytest.mark.rule("outputTranscription", "has messages of its own", families=("2.5",))
async def test_the_output_transcript_travels_alone(talk):
    client = await talk.open()
    await client.type("a long story")
    told = [m["serverContent"] for m in await client.turn() if "outputTranscription" in m.get("serverContent", {})]
    assert len(told) > 5
    assert all(set(content) == {"outputTranscription"} for content in told)


@pytest.mark.rule("outputTranscription", "runs ahead of the sound, carries its spaces, and never says finished")
async def test_the_output_transcript_runs_ahead(talk, sounds, values):
    client = await talk.open()
    await client.type("Hello")
    turn = await client.turn()
    pieces = values(turn, "outputTranscription")
    assert all(set(piece) == {"text"} for piece in pieces)
    assert "".join(piece["text"] for piece in pieces).endswith("You typed: Hello")


@pytest.mark.rule("realtimeInput.text", "is a turn, and interrupts whatever is said")
async def test_live_text(talk, sounds):
    client = await talk.open(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    await client.type("a long story")
    await client.until("modelTurn")
    await client.type("Hello")
    assert "interrupted" in sounds.kinds(await client.turn())
    assert "You typed: Hello" in sounds.said(await client.turn())


@pytest.mark.rule("realtimeInput.video", "stills belong to the turn", families=THREES)
async def test_stills(talk, sounds):
    client = await talk.open()
    await client.send(realtimeInput={"video": {"data": RED_PNG, "mimeType": "image/png"}})
    await client.type("Look")
    assert f"I see a picture of {RED_WORDS}." in sounds.said(await client.turn())


@pytest.mark.rule("realtimeInput.video", "stills shown in silence are not part of the turn", families=("2.5",))
async def test_stills_in_silence(talk, sounds):
    client = await talk.open()
    await client.send(realtimeInput={"video": {"data": RED_PNG, "mimeType": "image/png"}})
    await client.type("Look")
    assert "picture" not in sounds.said(await client.turn())


@pytest.mark.rule("realtimeInput.video", "what is not the picture it is said to be, or not all of it, closes with 1007")
async def test_stills_that_are_none(talk, sounds):
    for picture in ({"data": RED_PNG, "mimeType": "image/jpeg"}, {"data": RED_PNG[:80], "mimeType": "image/png"}):
        client = await talk.open()
        await client.send(realtimeInput={"video": picture})
        assert (await client.closed())[0] == 1007


@pytest.mark.rule("realtimeInput.mediaChunks", "the first is used")
async def test_media_chunks(talk, sounds):
    import base64

    client = await talk.open()
    pcm = base64.b64encode(sounds.speech_like(1) + sounds.silence(1.5)).decode()
    await client.send(realtimeInput={"mediaChunks": [{"data": pcm, "mimeType": PCM}, {"data": pcm, "mimeType": PCM}]})
    assert "I heard 1.0" in sounds.said(await client.turn()) or "I heard 0.9" in sounds.said(client.seen)


@pytest.mark.rule("realtimeInput.activityStart", "closes with 1007 under automatic detection")
async def test_explicit_activity(talk):
    for name in ("activityStart", "activityEnd"):
        client = await talk.open()
        await client.send(realtimeInput={name: {}})
        assert await client.closed() == (
            1007,
            "Explicit activity control is not supported when automatic activity detection is enabled.",
        )


@pytest.mark.rule("realtimeInput.activityStart", "begins the turn: sound before it is lost")
async def test_manual_activity(talk, sounds):
    client = await talk.open(**MANUAL)
    await client.say(sounds.speech_like(1) + sounds.silence(2))
    await client.nothing_for(3)
    await client.send(realtimeInput={"activityStart": {}})
    await client.say(sounds.speech_like(0.7))
    await client.send(realtimeInput={"activityEnd": {}})
    turn = await client.turn()
    assert "I heard 0.7 seconds of speech." in sounds.said(turn)
    assert not any("voiceActivity" in m for m in turn)


@pytest.mark.rule("realtimeInput.activityStart", "interrupts a reply")
async def test_manual_barge_in(talk, sounds):
    client = await talk.open(**MANUAL)
    await client.type("a long story")
    await client.until("modelTurn")
    await client.send(realtimeInput={"activityStart": {}})
    assert "interrupted" in sounds.kinds(await client.turn())


@pytest.mark.rule("realtimeInput.activityStart", "does not interrupt with NO_INTERRUPTION")
async def test_manual_without_interruption(talk, sounds):
    config = MANUAL["realtimeInputConfig"] | {"activityHandling": "NO_INTERRUPTION"}
    client = await talk.open(realtimeInputConfig=config)
    await client.type("Hello")
    await client.until("modelTurn")
    await client.send(realtimeInput={"activityStart": {}})
    assert "interrupted" not in sounds.kinds(await client.turn())


@pytest.mark.rule("realtimeInput.audioStreamEnd", "ends the utterance at once")
async def test_audio_stream_end(talk, sounds):
    client = await talk.open()
    await client.say(sounds.speech_like(1))
    await client.send(realtimeInput={"audioStreamEnd": True})
    assert "seconds of speech" in sounds.said(await client.turn())


@pytest.mark.rule("clientContent", "waits for turnComplete before it is answered")
async def test_content_waits(talk, sounds):
    client = await talk.open()
    await client.send(clientContent=typed("First"))
    await client.nothing_for(3)
    await client.send(clientContent=typed("Second", turnComplete=True))
    assert "First Second" in sounds.said(await client.turn()).replace("\n", " ")


@pytest.mark.rule("clientContent", "interrupts what is said")
async def test_content_interrupts(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.send(clientContent=typed("Hello", turnComplete=True))
    assert "interrupted" in sounds.kinds(await client.turn())
    assert "You typed: Hello" in sounds.said(await client.turn())


@pytest.mark.rule("clientContent", "turnComplete alone while the model speaks is a clean stop")
async def test_a_clean_stop(talk, sounds):
    client = await talk.open()
    await client.type("a long story")
    await client.until("modelTurn")
    await client.send(clientContent={"turnComplete": True})
    cut = await client.turn()
    assert "interrupted" in sounds.kinds(cut)
    if talk.family == "3.8 ET":
        assert cut[-1]["serverContent"]["interactionStatus"] == "IDLE"
    await client.nothing_for(5)


@pytest.mark.rule("clientContent", "seeds history up to the first turnComplete where historyConfig says so")
async def test_seeding(talk, sounds):
    client = await talk.open(historyConfig={"initialHistoryInClientContent": True})
    await client.send(clientContent=typed("Hi"))
    await client.send(clientContent=typed("Hello", role="model", turnComplete=True))
    await client.nothing_for(3)
    await client.send(clientContent=typed("Now", turnComplete=True))
    turn = await client.turn()
    assert "You typed: Now" in sounds.said(turn)
    assert turn[-1]["usageMetadata"]["promptTokenCount"] == 1 + 2 + 1


@pytest.mark.rule("clientContent", "a role other than user and model closes with 1007")
async def test_roles_of_content(talk):
    client = await talk.open()
    await client.send(clientContent=typed("x", role="function"))
    assert (await client.closed())[0] == 1007


@pytest.mark.rule("clientContent", "calls and their responses may be seeded", families=THREES)
async def test_seeded_calls(talk):
    client = await talk.open()
    parts = [{"functionCall": {"name": "f", "args": {}}}]
    await client.send(clientContent={"turns": [{"role": "model", "parts": parts}]})
    await client.type("Hello")
    await client.turn()


@pytest.mark.rule("clientContent", "calls, their responses and audio close with 1007", families=("2.5",))
async def test_no_seeded_calls(talk):
    for part in ({"functionCall": {"name": "f"}}, {"inlineData": {"data": "AAA=", "mimeType": PCM}}):
        client = await talk.open()
        await client.send(clientContent={"turns": [{"role": "user", "parts": [part]}]})
        assert await client.closed() == (1007, "Precondition check failed.")


@pytest.mark.rule("clientContent", "audio in history must be 16 kHz; 24 kHz closes with 1008", families=THREES)
async def test_seeded_audio(talk):
    client = await talk.open()
    for mime in (PCM, "audio/pcm;rate=24000"):
        parts = [{"inlineData": {"data": "AAA=", "mimeType": mime}}]
        await client.send(clientContent={"turns": [{"role": "user", "parts": parts}]})
    assert await client.closed() == (1008, NOT_IMPLEMENTED)


@pytest.mark.rule("contextUpdate", "replaces instruction and tools")
async def test_context_update(talk, sounds):
    client = await talk.open(**talk.tools())
    await client.send(contextUpdate={"tools": {"tools": []}, "systemInstruction": {"parts": [{"text": "Be brief."}]}})
    await client.type("weather")
    assert "toolCall" not in sounds.kinds(await client.turn())
