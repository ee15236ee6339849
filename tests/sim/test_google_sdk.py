"""Google's own client talks to the simulator, over TLS as it insists on."""

import asyncio
import ssl

import pytest
import trustme
from google import genai
from google.genai import types

MODEL = "gemini-3.1-flash-live-preview"

WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="Current weather of one city.",
    parameters=types.Schema(
        type=types.Type.OBJECT,
        properties={"city": types.Schema(type=types.Type.STRING, description="City")},
        required=["city"],
    ),
)
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    system_instruction="Be brief.",
    speech_config=types.SpeechConfig(
        voice_config=types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    ),
    tools=[types.Tool(function_declarations=[WEATHER])],
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
    realtime_input_config=types.RealtimeInputConfig(
        automatic_activity_detection=types.AutomaticActivityDetection(
            start_of_speech_sensitivity=types.StartSensitivity.START_SENSITIVITY_HIGH, silence_duration_ms=800
        )
    ),
    session_resumption=types.SessionResumptionConfig(),
    context_window_compression=types.ContextWindowCompressionConfig(sliding_window=types.SlidingWindow()),
)


@pytest.fixture
async def connect(stage, tmp_path, monkeypatch):
    """Opens a session of the SDK's with a simulator of the given speed."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    # where the SDK looks for authorities to trust
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def open_session(speed=20, config=CONFIG, model=MODEL, key="key"):
        await stage.serve(speed=speed, ssl_context=context, api_key="key")
        options = types.HttpOptions(base_url=stage.url.replace("wss://", "https://"))
        client = genai.Client(api_key=key, http_options=options)
        stage.stack.push_async_callback(client.aio.aclose)
        return await stage.stack.enter_async_context(client.aio.live.connect(model=model, config=config))

    return open_session


async def a_turn(session):
    async with asyncio.timeout(30):
        return [message async for message in session.receive()]


def said(turn):
    contents = [message.server_content for message in turn if message.server_content]
    return "".join(c.output_transcription.text for c in contents if c.output_transcription)


def sound(turn):
    return b"".join(message.data for message in turn if message.data)


async def test_a_typed_turn(connect):
    session = await connect()
    content = types.Content(role="user", parts=[types.Part(text="Good morning")])
    await session.send_client_content(turns=content, turn_complete=True)
    turn = await a_turn(session)
    assert said(turn).endswith("You typed: Good morning")
    assert len(sound(turn)) > 48_000
    assert turn[-1].server_content.turn_complete
    assert turn[-1].usage_metadata.response_token_count > 0
    assert next(m for m in turn if m.session_resumption_update).session_resumption_update.new_handle

    await session.send_realtime_input(text="And live")
    assert said(await a_turn(session)) == "You typed: And live"


async def test_a_spoken_turn(connect, sounds):
    session = await connect()
    pcm = sounds.silence(0.3) + sounds.speech_like(1.5) + sounds.silence(1)
    for i in range(0, len(pcm), 1280):
        blob = types.Blob(data=pcm[i : i + 1280], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)
    turn = await a_turn(session)
    activity = [m.voice_activity for m in turn if m.voice_activity]
    assert [a.voice_activity_type for a in activity] == [
        types.VoiceActivityType.ACTIVITY_START,
        types.VoiceActivityType.ACTIVITY_END,
    ]
    heard = [m for m in turn if m.server_content and m.server_content.input_transcription]
    assert "s of speech" in heard[0].server_content.input_transcription.text
    assert "seconds of speech" in said(turn)


async def test_a_tool_round(connect):
    session = await connect()
    await session.send_realtime_input(text="How is the weather in Lisbon?")
    async with asyncio.timeout(30):
        async for message in session.receive():
            if message.tool_call:
                (call,) = message.tool_call.function_calls
                break
    assert (call.name, call.args) == ("get_weather", {"city": "Lisbon"})
    response = types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny, 24 degrees"})
    await session.send_tool_response(function_responses=[response])
    assert said(await a_turn(session)).endswith("get weather says: sunny, 24 degrees.")


async def test_an_interruption(connect, sounds):
    session = await connect(speed=4)
    await session.send_realtime_input(text="Tell me a long story")
    began = asyncio.Event()

    async def cut_in():
        await began.wait()
        pcm = sounds.speech_like(0.6)
        blob = types.Blob(data=pcm, mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(cut_in())
        turn = []
        async for message in session.receive():
            turn.append(message)
            if message.data:
                began.set()
    contents = [message.server_content for message in turn if message.server_content]
    assert any(content.interrupted for content in contents)
    assert not any(content.generation_complete for content in contents)
    assert len(sound(turn)) / 48_000 < 20
    await session.send_realtime_input(audio_stream_end=True)
    assert "seconds of speech" in said(await a_turn(session))


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("gemini-3.8-live", {}),
        (
            "gemini-3.8-live-extended-thinking",
            {"thinking_config": types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW)},
        ),
        ("gemini-2.5-flash-native-audio-latest", {"thinking_config": types.ThinkingConfig(thinking_budget=0)}),
    ],
)
async def test_the_other_families(connect, model, more):
    session = await connect(model=model, config=CONFIG.model_copy(update=more))
    await session.send_client_content(turns={"parts": [{"text": "Hello"}]}, turn_complete=True)
    assert "You typed: Hello" in said(await a_turn(session))


async def test_a_refusal_reaches_the_caller(connect):
    with pytest.raises(genai.errors.APIError, match="API key not valid"):
        await connect(key="other")
    with pytest.raises(genai.errors.APIError, match="is not found for API version v1, or"):
        await connect(model="gemini-3.1-flash-live")
