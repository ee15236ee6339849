"""
A voice assistant as LiveKit Agents runs one in its console, with its Gemini Live plugin.

Written after LiveKit's own examples. Runs in an environment of its own, which `against.py` makes, with `console` as
its argument.
"""

import os

from google.genai.types import HttpOptions
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import google

server = AgentServer()


@server.rtc_session()
async def talk(context: JobContext) -> None:
    """Talk until Ctrl-C."""
    model = google.realtime.RealtimeModel(
        model="gemini-3.1-flash-live-preview",
        api_key=os.environ["GEMINI_API_KEY"],
        http_options=HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"]),
    )
    await AgentSession(llm=model).start(agent=Agent(instructions="Be brief."), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
