"""Handles: when they are issued, what they bring back, and how they are refused."""

import pytest
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - what the other end sees

ASKED = {"sessionResumption": {}}
UNKNOWN = (1008, "Requested entity was not found.")
REFUSED = (1011, "Internal error encountered.")


def handle_of(client):
    updates = [m["sessionResumptionUpdate"] for m in client.seen if "sessionResumptionUpdate" in m]
    return [update["newHandle"] for update in updates if update.get("resumable")][-1]


async def with_handle(talk, **fields):
    """A client whose session can be taken up again."""
    client = await talk.open(**ASKED, **fields)
    if talk.family == "2.5":
        await client.until(lambda m: m.get("sessionResumptionUpdate", {}).get("resumable"))
    return client


async def taken_up(talk, handle, **fields):
    client = await talk.dial(sessionResumption={"handle": handle}, **fields)
    await client.until("setupComplete")
    return client


@pytest.mark.rule("sessionResumptionUpdate", "one comes after setup, even unasked", families=("3.1", "3.8", "3.8 ET"))
async def test_unasked_handles(talk):
    client = await talk.dial()
    await client.until("setupComplete")
    update = (await client.receive())["sessionResumptionUpdate"]
    assert update["resumable"] is True
    assert len(update["newHandle"]) == 36


@pytest.mark.rule("sessionResumptionUpdate", "follows the confirmed setup after 13 ms", families=("3.8", "3.8 ET"))
async def test_handles_follow_the_setup(talk, stage):
    await stage.serve(speed=1)
    began = stage.clock.now()
    client = await talk.dial()
    await client.until("sessionResumptionUpdate")
    assert client.at[-1] - began >= 0.313


@pytest.mark.rule("sessionResumptionUpdate", "is the only one of its connection", families=("3.8", "3.8 ET"))
async def test_one_handle(talk, values):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    await talk.answer(client, call)
    await client.until(lambda m: "generationComplete" in m.get("serverContent", {}))
    assert len(values(client.seen, "sessionResumptionUpdate")) == 1


@pytest.mark.rule("sessionResumptionUpdate", "another comes after a tool round", families=("3.1",))
async def test_another_handle_after_tools(talk, values):
    client = await talk.open(**talk.tools())
    await talk.answer(client, await talk.call(client))
    await client.turn()
    first, second = values(client.seen, "sessionResumptionUpdate")
    assert first["newHandle"] != second["newHandle"]


@pytest.mark.rule("sessionResumptionUpdate", "is put off by a turn that comes at once", families=("3.1",))
async def test_a_turn_puts_the_handle_off(talk, stage, values):
    await stage.serve(speed=1)
    client = await talk.dial(**talk.tools())
    await client.until("setupComplete")
    call = await talk.call(client)
    assert values(client.seen, "sessionResumptionUpdate") == []
    await talk.answer(client, call)
    assert len(values(await client.until("modelTurn"), "sessionResumptionUpdate")) == 1


@pytest.mark.rule("sessionResumptionUpdate", "comes only where sessionResumption was sent", families=("2.5",))
async def test_handles_on_request(talk, values):
    client = await talk.open()
    await client.type("Hello")
    assert values(await client.turn(), "sessionResumptionUpdate") == []


@pytest.mark.rule(
    "sessionResumptionUpdate", "says not resumable while generating, and is renewed after", families=("2.5",)
)
async def test_no_restart_while_generating(talk, values):
    client = await with_handle(talk)
    before = handle_of(client)
    await client.type("Hello")
    turn = await client.turn()
    assert values(turn, "sessionResumptionUpdate") == [{}]
    renewed = (await client.receive())["sessionResumptionUpdate"]
    assert renewed["resumable"] is True
    assert renewed["newHandle"] != before


@pytest.mark.rule("sessionResumption", "brings the conversation back, and its account of tokens")
async def test_history_comes_back(talk, stage, sounds):
    client = await with_handle(talk)
    await client.type("Hello")
    before = (await client.turn())[-1]["usageMetadata"]
    await client.ws.close()
    await stage.clock.sleep(2)
    again = await taken_up(talk, handle_of(client))
    await again.type("Again")
    turn = await again.turn()
    assert "simulator" not in sounds.said(turn), "it has introduced itself"
    assert turn[-1]["usageMetadata"]["promptTokenCount"] >= before["totalTokenCount"]


@pytest.mark.rule("sessionResumption", "the instruction stays as it was, whatever the new setup says")
async def test_the_instruction_stays(talk, stage):
    client = await with_handle(talk)
    await client.ws.close()
    await stage.clock.sleep(2)
    instruction = {"systemInstruction": {"parts": [{"text": "Be very, very long." * 100}]}}
    again = await taken_up(talk, handle_of(client), **instruction)
    await again.type("Hello")
    assert (await again.turn())[-1]["usageMetadata"]["promptTokenCount"] < 10


@pytest.mark.rule("sessionResumption", "a call open at the drop can be answered afterwards", families=("3.8", "3.8 ET"))
async def test_open_calls_come_back(talk, stage, sounds):
    client = await with_handle(talk, **talk.tools())
    call = await talk.call(client)
    if talk.family == "3.8":
        await client.turn()
    await client.ws.close()
    await stage.clock.sleep(60)
    again = await taken_up(talk, handle_of(client), **talk.tools())
    await talk.answer(again, call)
    assert "sunny" in sounds.said(await again.turn())


@pytest.mark.rule(
    "sessionResumption", "BLOCKING calls open at the drop swallow a turn until answered", families=("3.8",)
)
@pytest.mark.parametrize("answers_first", [True, False])
async def test_blocking_calls_after_resuming(talk, stage, sounds, answers_first):
    client = await with_handle(talk, **talk.tools("BLOCKING"))
    call = await talk.call(client)
    client.ws.transport.abort()
    await stage.clock.sleep(2)
    again = await taken_up(talk, handle_of(client), **talk.tools("BLOCKING"))
    await again.until("sessionResumptionUpdate")
    if answers_first:
        await talk.answer(again, call, response={"error": "lost"})
        await again.nothing_for(3)
    else:
        await again.type("Hello?")
        await again.nothing_for(3)
    await again.type("Hello")
    assert "You typed: Hello" in sounds.said(await again.turn())


@pytest.mark.rule(
    "sessionResumption", "is refused with 1011 while the old socket is open, and right after an idle drop"
)
async def test_refused_too_early(talk, stage):
    await stage.serve(speed=3)  # a third of a second to be too early in
    client = await with_handle(talk)
    again = await talk.dial(sessionResumption={"handle": handle_of(client)})
    began = stage.clock.now()
    assert await again.closed() == REFUSED
    assert stage.clock.now() - began >= 0.4
    await client.ws.close()
    again = await talk.dial(sessionResumption={"handle": handle_of(client)})
    assert await again.closed() == REFUSED
    await stage.clock.sleep(1)
    await taken_up(talk, handle_of(client))


@pytest.mark.rule("sessionResumption", "is free half a second after a goodbye, and a whole one after an idle drop")
@pytest.mark.parametrize("goodbye", [True, False])
async def test_when_it_is_free(talk, stage, goodbye):
    await stage.serve(speed=3)
    client = await with_handle(talk)
    if goodbye:
        await client.ws.close()
    else:
        client.ws.transport.abort()
    while not any("gone" in note for note in stage.notes):
        await stage.clock.sleep(0.01)
    await stage.clock.sleep(0.6)
    again = await talk.dial(sessionResumption={"handle": handle_of(client)})
    if goodbye:
        await again.until("setupComplete")
    else:
        assert await again.closed() == REFUSED


@pytest.mark.rule(
    "sessionResumption", "is taken at once when the drop was in the middle of a reply; that reply is lost"
)
async def test_taken_at_once(talk, stage, sounds):
    client = await with_handle(talk)
    await client.type("a long story")
    await client.until("modelTurn")
    client.ws.transport.abort()
    with pytest.raises(ConnectionClosed):
        await client.turn()
    while not any("gone" in note for note in stage.notes):
        await stage.clock.sleep(0.01)
    again = await taken_up(talk, handle_of(client))
    await again.type("Again")
    assert "You typed: Again" in sounds.said(await again.turn())


@pytest.mark.rule("sessionResumption", "a handle that is unknown closes with 1008")
async def test_unknown_handles(talk):
    assert await talk.refused(sessionResumption={"handle": "6f0a2d0e-0000-4000-8000-000000000000"}) == UNKNOWN


@pytest.mark.rule("sessionResumption", "a handle of another model closes with 1008")
async def test_handles_of_other_models(talk, stage):
    client = await with_handle(talk)
    await client.ws.close()
    await stage.clock.sleep(2)
    other = "models/gemini-3.8-live" if talk.family != "3.8" else "models/gemini-3.1-flash-live-preview"
    again = await stage.dial()
    await again.send(setup={"model": other, "sessionResumption": {"handle": handle_of(client)}})
    assert await again.closed() == UNKNOWN


@pytest.mark.rule("sessionResumption", "a handle is good for two hours")
async def test_expired_handles(talk, stage):
    await stage.serve(speed=5_000)
    client = await with_handle(talk)
    handle = handle_of(client)
    await client.ws.close()
    await stage.clock.sleep(6000)
    await taken_up(talk, handle)
    await stage.clock.sleep(9000)  # its connection is cut after ten minutes
    assert await talk.refused(sessionResumption={"handle": handle}) == UNKNOWN
