"""
Seven acts with Google's Python SDK, as its users would write them: nothing here knows of a simulator.

Runs with google-genai 1.x and later, prints one JSON object a line: `act`, and what came of it. The environment says
where the service is.
"""

import asyncio
import json
import os
import random
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from google import genai
from google.genai import types

MODEL = "gemini-3.8-live"
SPEED = float(os.environ.get("SPEED", "1"))
WEATHER = {
    "name": "get_weather",
    "description": "Current weather of one city.",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "tools": [{"function_declarations": [WEATHER]}],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "session_resumption": {},
}


def speech(seconds: float) -> bytes:
    """Noise in syllables, 16 kHz: loud for 120 ms, quiet for 60."""
    noise = random.Random(1)
    level = (round(noise.gauss(0, 3000)) if i % 2880 < 1920 else 0 for i in range(int(16_000 * seconds)))
    return array("h", (max(-32768, min(32767, sample)) for sample in level)).tobytes()


async def say(session: Any, pcm: bytes) -> None:
    for i in range(0, len(pcm), 3200):
        blob = types.Blob(data=pcm[i : i + 3200], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)


async def messages(session: Any) -> AsyncIterator[Any]:
    """All turns, one after the other."""
    while True:
        async for message in session.receive():
            yield message


async def turn(session: Any) -> dict[str, Any]:
    """What comes up to the end of a turn in which something was said, or cut off."""
    said, n_bytes, heard, kinds = "", 0, "", []
    async for message in messages(session):
        content = message.server_content
        if message.data:
            n_bytes += len(message.data)
        if content and content.output_transcription:
            said += content.output_transcription.text or ""
        if content and content.input_transcription:
            heard += content.input_transcription.text or ""
        if content and content.interrupted:
            kinds.append("interrupted")
        if content and content.generation_complete:
            kinds.append("generationComplete")
        if content and content.turn_complete and (said or kinds):
            break
    return {"said": said, "sound_s": n_bytes / 48_000, "heard": heard, "kinds": kinds}


def show(act: str, **found: Any) -> None:
    print(json.dumps({"act": act, **found}), flush=True)


def talk(client: Any, **more: Any) -> AbstractAsyncContextManager[Any]:
    session: AbstractAsyncContextManager[Any] = client.aio.live.connect(model=MODEL, config={**CONFIG, **more})
    return session


async def one_session(client: Any) -> str:
    handle = ""
    async with talk(client) as session:
        async for message in messages(session):
            if message.session_resumption_update:
                handle = message.session_resumption_update.new_handle
                break
        content = types.Content(role="user", parts=[types.Part(text="Good morning")])
        await session.send_client_content(turns=content, turn_complete=True)
        show("typed", **await turn(session))

        await say(session, bytes(9600) + speech(1.5) + bytes(64_000))
        show("spoken", **await turn(session))

        await session.send_realtime_input(text="How is the weather in Lisbon?")
        async for message in messages(session):
            if message.tool_call:
                (call,) = message.tool_call.function_calls
                break
        response = types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny, 24 degrees"})
        await session.send_tool_response(function_responses=[response])
        show("tool", name=call.name, args=call.args, **await turn(session))

    return handle


async def barge_in(client: Any) -> None:
    async with talk(client, tools=[]) as session:
        await session.send_realtime_input(text="Tell me a long story")
        async for message in messages(session):
            if message.data:
                break
        await say(session, speech(0.6))
        show("barge_in", **await turn(session))

        await session.send_realtime_input(audio_stream_end=True)
        show("audio_stream_end", **await turn(session))


async def main() -> None:
    client = genai.Client()
    handle = await one_session(client)
    await barge_in(client)
    await asyncio.sleep(1.5 / SPEED)  # the service refuses a handle for a second
    async with talk(client, session_resumption={"handle": handle}) as session:
        await session.send_realtime_input(text="And again")
        show("resumed", **await turn(session))
    detection = {"automatic_activity_detection": {"disabled": True}}
    async with talk(client, realtime_input_config=detection) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await say(session, speech(1))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        show("manual", **await turn(session))
    show("done", sdk=genai.__version__, python=sys.version.split()[0])


asyncio.run(main())
