"""
A typed turn with Google's own SDK, as it talks to the service; nothing in here knows of a simulator.

    pip install google-genai
    flashlive sim -- python examples/live.py
"""

import asyncio

from google import genai

MODEL = "gemini-3.8-live"


async def main() -> None:
    """Ask one thing and print the answer's transcript."""
    client = genai.Client()
    config: genai.types.LiveConnectConfigDict = {
        "response_modalities": [genai.types.Modality.AUDIO],
        "output_audio_transcription": {},
    }
    async with client.aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="Where is my order A-1001?")
        async for message in session.receive():
            content = message.server_content
            if content and content.output_transcription:
                print(content.output_transcription.text, end="", flush=True)
    print()


asyncio.run(main())
