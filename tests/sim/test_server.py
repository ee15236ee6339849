"""Sockets, credentials, and clients that misbehave."""

import asyncio
import logging
import socket
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus  # noqa: TID251 - what the other end sees

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError
from flashlive_cli.sim.server import serve
from flashlive_cli.sim.wire import Opened, Passed, WireEvent

GOOGLE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
MODEL = "models/gemini-3.1-flash-live-preview"
NOT_VALID = (1007, "API key not valid. Please pass a valid API key.")
NOT_FOUND = (1007, "API Key not found. Please pass a valid API key.")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        GOOGLE,
        "/" + GOOGLE,
        GOOGLE.replace("v1beta", "v1alpha") + "Constrained?access_token=auth_tokens/x",
        "/prefix" + GOOGLE + "?key=k",
    ],
)
async def test_the_paths_of_the_service_are_accepted(stage, path):
    client = await stage.dial(path)
    await client.setup()


VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize("path", ["/other", GOOGLE + "/more", VERTEX])
async def test_other_paths_are_not_found(stage, path):
    with pytest.raises(InvalidStatus) as error:
        await stage.dial(path)
    assert error.value.response.status_code == 404


KEYS: dict[str, dict[str, Any]] = {
    "header": {"additional_headers": {"x-goog-api-key": "right"}},
    "query": {"path": GOOGLE + "?key=right"},
    "token in query": {"path": GOOGLE + "Constrained?access_token=right"},
    "token in header": {"additional_headers": {"Authorization": "Token right"}},
}


@pytest.mark.parametrize("where", KEYS)
async def test_the_key_is_found_wherever_clients_put_it(stage, where):
    await stage.serve(api_key="right")
    client = await stage.dial(**KEYS[where])
    await client.setup()


async def test_a_wrong_key_shows_after_setup_and_nowhere_in_the_notes(stage):
    await stage.serve(api_key="right")
    wrong = await stage.dial(GOOGLE + "?key=wrong-secret")
    await wrong.send(setup={"model": MODEL})
    assert await wrong.closed() == NOT_VALID
    none = await stage.dial()
    await none.send(setup={"model": MODEL})
    assert await none.closed() == NOT_FOUND
    assert not any("right" in note or "secret" in note for note in stage.notes)


async def test_a_session_that_it_does_not_know_is_not_resumed(stage):
    await stage.serve()
    client = await stage.dial()
    await client.send(setup={"model": MODEL, "sessionResumption": {"handle": "6f0a2d0e-0000-4000-8000-000000000000"}})

    assert await client.closed() == (1008, "Requested entity was not found.")


async def test_without_a_key_of_its_own_it_lets_in_everybody(stage):
    for path in (GOOGLE, GOOGLE + "?key=invalid"):
        await (await stage.dial(path)).setup()


async def test_frames_may_be_text_or_binary_and_compressed(stage, sounds):
    client = await stage.dial(compression="deflate")
    assert client.ws.protocol.extensions
    await client.ws.send(b'{"setup":{"model":"models/gemini-3.1-flash-live-preview","outputAudioTranscription":{}}}')
    await client.until("setupComplete")
    await client.ws.send(b'{"realtimeInput":{"text":"Hi"}}')
    assert "Hi" in sounds.said(await client.turn())


async def test_a_megabyte_in_one_message_is_taken(stage, sounds):
    client = await stage.dial()
    await client.setup()
    import base64

    pcm = sounds.silence(1) + sounds.speech_like(30)
    blob = {"data": base64.b64encode(pcm).decode(), "mimeType": "audio/pcm"}
    await client.send(realtimeInput={"audio": blob})
    await client.until("voiceActivity")


async def test_clients_do_not_disturb_one_another(stage, sounds):
    await stage.serve()
    clients = [await stage.dial() for _ in range(4)]

    async def talk(client, text):
        await client.setup()
        await client.type(text)
        return sounds.said(await client.turn())

    texts = await asyncio.gather(*(talk(client, f"I am {i}") for i, client in enumerate(clients)))
    assert [text.rpartition(": ")[2] for text in texts] == [f"I am {i}" for i in range(4)]


async def test_a_client_that_vanishes_leaves_nothing_behind(stage, sounds, caplog):
    await stage.serve()
    for moment in ("upgrade", "setup", "thinking", "speaking"):
        client = await stage.dial()
        if moment != "upgrade":
            await client.send(setup={"model": MODEL})
        if moment in ("thinking", "speaking"):
            await client.until("setupComplete")
            await client.type("a long story")
        if moment == "speaking":
            await client.until("modelTurn")
        client.ws.transport.abort()
    other = await stage.dial()
    await other.setup()
    await other.type("Still there?")
    assert "Still there?" in sounds.said(await other.turn())
    async with asyncio.timeout(10):
        while sum("gone with 1006" in note for note in stage.notes) < 4:
            await asyncio.sleep(0.01)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_polite_client_is_let_go(stage):
    client = await stage.dial()
    await client.setup()
    await client.ws.close()
    assert client.ws.close_code == 1000
    async with asyncio.timeout(10):
        while not any("gone with 1000" in note for note in stage.notes):
            await asyncio.sleep(0.01)


async def test_garbage_on_the_socket_is_survived(caplog):
    async with serve(clock=Clock()) as server:
        for raw in (b"\0\xff" * 50, b"GET / HTTP/1.1\r\n\r\n", b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(raw)
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_leaving_closes_connections_with_1001_and_does_not_wait_for_the_stubborn():
    from websockets.asyncio.client import connect  # noqa: TID251

    began = time.monotonic()
    async with serve(clock=Clock()) as server:
        ws = await connect(server.url)
        await ws.send('{"setup":{"model":"models/gemini-3.1-flash-live-preview"}}')
        await ws.recv()
        silent = socket.create_connection(("127.0.0.1", server.port))
        deaf_reader, deaf_writer = await asyncio.open_connection("127.0.0.1", server.port)
        deaf_writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await deaf_reader.readuntil(b"\r\n\r\n")
    assert time.monotonic() - began < 8
    await ws.wait_closed()
    assert ws.close_code == 1001
    silent.close()
    deaf_writer.close()


async def test_it_listens_on_this_machine_only():
    for host in ("0.0.0.0", "example.com", "192.168.1.1", "::"):
        with pytest.raises(ConfigError, match="this machine only"):
            async with serve(clock=Clock(), host=host):
                pass
    async with serve(clock=Clock(), host="localhost") as server:
        assert server.url == f"ws://127.0.0.1:{server.port}"


async def test_a_port_in_use_is_one_line():
    async with serve(clock=Clock()) as server:
        with pytest.raises(ConfigError, match=f"cannot listen on port {server.port} of 127.0.0.1: .* in use"):
            async with serve(clock=Clock(), port=server.port):
                pass
    with pytest.raises(ConfigError, match="65536"):
        async with serve(clock=Clock(), port=65536):
            pass


async def test_happenings_are_noted_in_one_line_each(stage, sounds):
    client = await stage.dial()
    await client.setup()
    await client.type("two\nlines \x1b[31m")
    await client.turn()
    await client.send(foo=1)
    await client.closed()
    async with asyncio.timeout(10):
        while "closed" not in stage.notes[-1]:
            await asyncio.sleep(0.01)
    assert stage.notes[0] == f"#1 opened with {MODEL}, voice Puck, 0 tools"
    assert "#1 read: two lines \\x1b[31m" in stage.notes
    assert any(note.startswith("#1 said: Hello") for note in stage.notes)
    assert (
        stage.notes[-1] == '#1 closed with 1007 Invalid JSON payload received. Unknown name "foo": Cannot find field.'
    )


async def test_a_connection_is_told_of_from_when_its_socket_opened(stage):
    told: list[WireEvent] = []
    await stage.serve(on_wire=told.append)
    client = await stage.dial()
    await stage.clock.sleep(5)
    await client.setup()
    opened, first = told[:2]
    assert isinstance(opened, Opened)
    assert isinstance(first, Passed)
    assert first.at_s - opened.at_s >= 4


async def test_a_faster_clock_makes_a_faster_conversation(stage, sounds):
    await stage.serve(speed=50)
    client = await stage.dial()
    await client.setup()
    began = time.monotonic()
    await client.type("Tell me a long story")
    assert sounds.sound_s(await client.turn()) > 20
    assert time.monotonic() - began < 10
