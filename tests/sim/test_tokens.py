"""Ephemeral tokens: how often, how long, and what they lock."""

import json
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.tokens import Token, TokenOffice

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONSTRAINED = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
MODEL = "models/gemini-3.8-live"


def token(**asked: Any) -> Token:
    """A token made at noon."""
    office = TokenOffice(lambda: NOON)
    found = office.find(office.issue(json.dumps(asked).encode(), version="v1alpha")["name"])
    assert found is not None
    return found


def test_a_token_begins_one_session_within_a_minute_unless_told_otherwise():
    made = token()
    with pytest.raises(Refusal, match="newSessionExpireTime"):
        made.judge(NOON + timedelta(seconds=60), resuming=False)
    made.judge(NOON + timedelta(seconds=59), resuming=False)
    with pytest.raises(Refusal, match="has been used"):
        made.judge(NOON, resuming=False)
    made.judge(NOON + timedelta(minutes=29), resuming=True)
    with pytest.raises(Refusal, match="expireTime"):
        made.judge(NOON + timedelta(minutes=30), resuming=True)


def test_a_token_of_no_uses_is_without_limit():
    made = token(uses=0)
    for _ in range(5):
        made.judge(NOON, resuming=False)


def test_times_are_read_as_javascript_and_protobuf_write_them():
    made = token(expireTime="2026-11-22T13:00:00.123Z", new_session_expire_time="2026-11-22T14:02:00.123456789+02:00")
    assert made.expires == datetime(2026, 11, 22, 13, 0, 0, 123_000, UTC)
    assert made.begin_by == datetime(2026, 11, 22, 12, 2, 0, 123_456, UTC)


@pytest.mark.parametrize(
    "asked",
    [
        {"expireTime": "2026-11-23T12:00:00Z"},
        {"expireTime": "2026-11-22T11:00:00Z"},
        {"expireTime": "2026-11-22T13:00:00"},
        {"uses": -1},
        {"bidiGenerateContentSetup": {"setup": {}}},
    ],
)
def test_what_cannot_be_is_refused(asked):
    with pytest.raises(Refusal) as error:
        token(**asked)
    assert error.value.code == 1007


LOCKED = {"model": MODEL, "generationConfig": {"temperature": 0.1}}
CLIENTS = {
    "model": "models/other",
    "generationConfig": {"temperature": 2, "topK": 3},
    "outputAudioTranscription": {},
    "sessionResumption": {"handle": "h"},
}


def test_a_setup_without_a_mask_replaces_the_clients():
    made = token(bidiGenerateContentSetup=LOCKED)
    assert made.lock(CLIENTS) == {**LOCKED, "sessionResumption": {"handle": "h"}}


def test_a_mask_locks_what_it_lists_and_nothing_else():
    made = token(
        bidiGenerateContentSetup=LOCKED, fieldMask="model,generation_config.temperature,outputAudioTranscription"
    )
    assert made.lock(CLIENTS) == {
        "model": MODEL,
        "generationConfig": {"temperature": 0.1, "topK": 3},
        "sessionResumption": {"handle": "h"},
    }
    assert CLIENTS["generationConfig"] == {"temperature": 2, "topK": 3}


def test_a_token_without_a_setup_locks_nothing():
    assert token().lock(CLIENTS) == CLIENTS


@pytest.fixture
async def sdk(stage, monkeypatch):
    """Makes clients of Google's SDK for a simulator that lets in `key` only."""
    from google import genai
    from google.genai import types

    from flashlive_cli.sim.certificate import throw_away_certificate

    certificate = stage.stack.enter_context(throw_away_certificate())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.bundle_file))
    await stage.serve(ssl_context=certificate.context, api_key="key")
    options = types.HttpOptions(base_url=stage.url.replace("wss://", "https://"), api_version="v1alpha")

    def client(key: str) -> Any:
        made = genai.Client(api_key=key, http_options=options)
        stage.stack.push_async_callback(made.aio.aclose)
        return made

    return client


async def test_googles_client_makes_a_token_and_talks_with_it_once(sdk):
    from google import genai

    config = {
        "uses": 1,
        "live_connect_constraints": {
            "model": "gemini-3.8-live",
            "config": {"response_modalities": ["AUDIO"], "output_audio_transcription": {}},
        },
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "experimental"
        made = await sdk("key").aio.auth_tokens.create(config=config)
        guest = sdk(made.name)
        # the model that the client asks for does not count
        async with guest.aio.live.connect(model="gemini-nothing", config={}) as session:
            await session.send_realtime_input(text="Hello")
            said = ""
            async for message in session.receive():
                content = message.server_content
                if content and content.output_transcription:
                    said += content.output_transcription.text
        assert said.endswith("You typed: Hello")
        with pytest.raises(genai.errors.APIError, match="has been used"):
            async with guest.aio.live.connect(model="gemini-3.8-live", config={}):
                pass


async def test_a_token_that_nobody_made_is_no_key(stage):
    await stage.serve(api_key="key")
    client = await stage.dial(CONSTRAINED + "?access_token=auth_tokens/x")
    await client.send(setup={"model": MODEL})
    assert (await client.closed())[0] == 1007
