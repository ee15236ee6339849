"""
A voice assistant as Pipecat builds one on the local machine: its audio transport, and its Gemini Live service.

Written after Pipecat's own examples. The service begins to listen once it was told to speak first, hence the frame that
runs it. Runs in an environment of its own, which `against.py` makes.
"""

import asyncio
import os

from google.genai.types import HttpOptions
from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.google.gemini_live.llm import GeminiLiveLLMService
from pipecat.transports.local.audio import LocalAudioTransport, LocalAudioTransportParams


async def main() -> None:
    """Talk until Ctrl-C."""
    transport = LocalAudioTransport(LocalAudioTransportParams(audio_in_enabled=True, audio_out_enabled=True))
    service = GeminiLiveLLMService(
        api_key=os.environ["GEMINI_API_KEY"], http_options=HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"])
    )
    sides = LLMContextAggregatorPair(LLMContext([{"role": "user", "content": "Say hello."}]))
    task = PipelineTask(
        Pipeline([transport.input(), sides.user(), service, transport.output(), sides.assistant()]),
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=24_000),
        idle_timeout_secs=None,
    )
    await task.queue_frames([LLMRunFrame()])
    await PipelineRunner().run(task)


asyncio.run(main())
