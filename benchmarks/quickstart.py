"""
What Google's command-line quickstart for the Live API does, in our own words: the baseline of `live_sound.py`.

The google-genai SDK; the microphone read in blocks of 1024 frames on a thread, through a queue of five; playback by
blocking writes of whole chunks as they came; on `interrupted` the queue is emptied, and the chunk that sounds is not
called back. sounddevice's blocking streams stand in for PyAudio, of which there are no wheels for Linux: both are
PortAudio, and like PyAudio's these ask for the device's low latency.

    GEMINI_API_KEY=… python benchmarks/quickstart.py [--busy]
"""

import asyncio
import contextlib
import sys
import threading

import sounddevice  # noqa: TID251 - a client of its own
from google import genai
from google.genai import types
from google.genai.live import AsyncSession

MODEL = "gemini-3.1-flash-live-preview"
MIC_BLOCK_FRAMES = 1024


async def listen(to_send: "asyncio.Queue[bytes]") -> None:
    """Read the microphone for ever: 16 kHz mono s16le."""
    with sounddevice.RawInputStream(
        samplerate=16000, blocksize=MIC_BLOCK_FRAMES, channels=1, dtype="int16", latency="low"
    ) as stream:
        while True:
            block, _overflowed = await asyncio.to_thread(stream.read, MIC_BLOCK_FRAMES)
            await to_send.put(bytes(block))


async def send(session: AsyncSession, to_send: "asyncio.Queue[bytes]") -> None:
    """Send what was heard."""
    while True:
        await session.send_realtime_input(audio=types.Blob(data=await to_send.get(), mime_type="audio/pcm"))


async def receive(session: AsyncSession, to_play: "asyncio.Queue[bytes]") -> None:
    """Take replies in, and drop what waits when one is interrupted."""
    while True:
        async for message in session.receive():
            if message.data:
                to_play.put_nowait(message.data)
            if message.server_content and message.server_content.interrupted:
                while not to_play.empty():
                    to_play.get_nowait()


async def play(to_play: "asyncio.Queue[bytes]") -> None:
    """Play for ever: 24 kHz mono s16le."""
    with sounddevice.RawOutputStream(samplerate=24000, channels=1, dtype="int16", latency="low") as stream:
        while True:
            await asyncio.to_thread(stream.write, await to_play.get())


def count_for_ever() -> None:
    """Keep a thread of Python busy."""
    n = 0
    while True:
        n += 1


async def main() -> None:
    """Talk until Ctrl-C."""
    to_send: asyncio.Queue[bytes] = asyncio.Queue(5)
    to_play: asyncio.Queue[bytes] = asyncio.Queue()
    config = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO])
    async with (
        genai.Client().aio.live.connect(model=MODEL, config=config) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for work in (send(session, to_send), listen(to_send), receive(session, to_play), play(to_play)):
            tasks.create_task(work)


if __name__ == "__main__":
    if "--busy" in sys.argv:
        threading.Thread(target=count_for_ever, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
