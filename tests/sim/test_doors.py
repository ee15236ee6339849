"""Which requests find a door, what they may bring, and what a POST gets."""

import asyncio
import base64
import json
import ssl
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.clock import Clock
from flashlive_cli.sim.certificate import throw_away_certificate
from flashlive_cli.sim.doors import Talk, TokenDesk, credential_of, talk_at, token_desk_at
from flashlive_cli.sim.faults import parse_fault
from flashlive_cli.sim.plainhttp import MAX_BODY, MAX_HEAD, Post, PostReader
from flashlive_cli.sim.server import serve

METHOD = "google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
MODEL = "models/gemini-3.8-live"


class NoHeaders:
    def get_all(self, name: str) -> list[str]:
        return []


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize("prefix", ["/ws/", "//ws/", "/", "/proxy/ws/", "/ws//"])
@pytest.mark.parametrize("constrained", [False, True])
def test_a_conversation_is_found_by_its_method(version, prefix, constrained):
    target = prefix + METHOD.format(version) + ("Constrained" if constrained else "") + "?key=k"
    assert talk_at(target) == Talk(version, constrained)


@pytest.mark.parametrize("target", ["/other", "/ws/" + METHOD.format("v1beta") + "/more", "/v1beta/models"])
def test_other_targets_lead_nowhere(target):
    assert talk_at(target) is None


@pytest.mark.parametrize("target", ["/v1alpha/auth_tokens", "//v1alpha/auth_tokens", "/v1alpha/authTokens?key=k"])
def test_the_desk_for_tokens_is_found(target):
    assert token_desk_at(target) == TokenDesk("v1alpha")


def test_no_desk_is_where_none_is():
    assert token_desk_at("/v1alpha/auth_tokens/x") is None


@given(st.text())
def test_any_target_can_be_looked_at(target):
    talk_at(target)
    token_desk_at(target)
    credential_of(target, NoHeaders())


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_post_is_read_however_it_is_cut(cut):
    raw = b"POST /a?b HTTP/1.1\r\nHost: x\r\nX-Goog-Api-Key: k\r\nContent-Length: 4\r\n\r\n{12}"
    reader = PostReader()
    found = None
    for i in range(0, len(raw), cut):
        assert found is None
        found = reader.feed(raw[i : i + cut])
    assert isinstance(found, Post)
    assert (found.target, found.body, found.get_all("x-goog-api-key")) == ("/a?b", b"{12}", ["k"])


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", HTTPStatus.LENGTH_REQUIRED),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", HTTPStatus.LENGTH_REQUIRED),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
)
def test_a_post_that_cannot_be_read_says_why(raw, status):
    assert PostReader().feed(raw) == status


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(raw):
    PostReader().feed(b"POST " + raw)


async def post(port: int, target: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, content = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


async def test_a_token_is_made_where_the_key_is_right():
    async with serve(clock=Clock(), api_key="right") as server:
        status, made = await post(server.port, "/v1alpha/auth_tokens", b"{}", x_goog_api_key="right")
        assert status == 200
        assert made["name"].startswith("auth_tokens/")
        status, told = await post(server.port, "/v1alpha/auth_tokens", b"{}", x_goog_api_key="wrong")
        assert (status, told["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert told["error"]["message"] == "API key not valid. Please pass a valid API key."
        status, told = await post(server.port, "/v1alpha/auth_tokens", b"{}")
        assert (status, told["error"]["status"]) == (403, "PERMISSION_DENIED")
        name = made["name"]
        status, told = await post(server.port, "/v1alpha/auth_tokens", b"{}", x_goog_api_key=name)
        assert (status, told["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert (await post(server.port, "/v1beta/models", b"{}"))[0] == 404


async def test_a_token_request_that_the_service_refuses_is_refused_in_its_words():
    async with serve(clock=Clock()) as server:
        status, told = await post(server.port, "/v1beta/auth_tokens", b'{"liveConnectConstraints": {}}')
        assert status == 400
        assert told["error"]["message"] == (
            'Invalid JSON payload received. Unknown name "liveConnectConstraints": Cannot find field.'
        )
        assert (await post(server.port, "/v1beta/auth_tokens", b'{"expireTime": "tomorrow"}'))[0] == 400
        assert (await post(server.port, "/v1beta/auth_tokens", b"{"))[0] == 400


async def test_snake_case_and_both_alphabets_of_base64_come_through_the_door(stage, sounds):
    client = await stage.dial("//ws/" + METHOD.format("v1alpha"))
    await client.send(setup={"model": MODEL, "output_audio_transcription": {}, "session_resumption": {}})
    await client.until("setupComplete")
    pcm = sounds.speech_like(1) + sounds.silence(1.5)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        blob = {"data": encode(pcm).decode(), "mime_type": "audio/pcm;rate=16000"}
        await client.send(realtime_input={"audio": blob})
        assert "1.0 seconds" in sounds.said(await client.turn())


async def test_pings_can_be_answered_late_and_the_talk_goes_on(stage, sounds):
    await stage.serve(speed=20, faults=(parse_fault("slow-pong:seconds=20"),))  # a second, really
    client = await stage.dial(ping_interval=None)
    await client.setup(MODEL)
    pong = await client.ws.ping()
    await client.type("Hello")
    assert "You typed: Hello" in sounds.said(await client.until("generationComplete"))
    assert not pong.done()
    async with asyncio.timeout(10):
        await asyncio.gather(pong, client.turn())


async def test_a_dropped_connection_has_no_goodbye(stage):
    await stage.serve(faults=(parse_fault("drop-1006@0.5"),))
    client = await stage.dial()
    await client.setup(MODEL)
    assert (await client.closed())[0] == 1006


async def test_a_certificate_is_good_for_this_machine_only_and_leaves_nothing_behind():
    with throw_away_certificate() as certificate:
        folder = certificate.ca_file.parent
        assert {path.name for path in folder.iterdir()} == {"ca.pem", "bundle.pem"}
        assert not any("PRIVATE" in path.read_text() for path in folder.iterdir())
        trusting = ssl.create_default_context(cafile=str(certificate.ca_file))
        async with serve(clock=Clock(), ssl_context=certificate.context) as server:
            for name in ("localhost", "127.0.0.1", "::1"):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting, server_hostname=name)
                writer.close()
                await writer.wait_closed()
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(
                    "127.0.0.1", server.port, ssl=trusting, server_hostname="generativelanguage.googleapis.com"
                )
            status, _ = await _tls_status(server.port, trusting)
            assert status == 200
        assert certificate.bundle_file.read_bytes().startswith(certificate.ca_file.read_bytes())
    assert not folder.exists()


async def _tls_status(port: int, trusting: ssl.SSLContext) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost")
    writer.write(b"POST /v1alpha/auth_tokens HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(raw.split()[1]), raw
