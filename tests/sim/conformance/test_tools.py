"""Function calls: how they are made, answered, scheduled and cancelled."""

import re

import pytest

ID_LOOKS = {"3.1": r"fc_\d{19}", "3.8": r"call_\d{7}", "3.8 ET": r"call_\d{7}", "2.5": r"function-call-\d{20}"}
NON_BLOCKING = ("3.8", "2.5")


@pytest.mark.rule("toolCall", "ids look like the family's")
async def test_ids(talk):
    client = await talk.open(**talk.tools())
    assert re.fullmatch(ID_LOOKS[talk.family], (await talk.call(client))["id"])


@pytest.mark.rule("toolCall", "has a message of its own")
async def test_a_call_travels_alone(talk):
    client = await talk.open(**talk.tools())
    await client.type("weather")
    message = (await client.until("toolCall"))[-1]
    assert set(message) - {"interactionStatus"} == {"toolCall"}
    assert ("interactionStatus" in message) is (talk.family == "3.8 ET")


@pytest.mark.rule(
    "toolCall", "BLOCKING holds the turn: silence until the answer, then one turn", families=("3.1", "2.5")
)
async def test_blocking_by_default(talk, sounds):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    await client.nothing_for(10)
    await talk.answer(client, call)
    turn = await client.turn()
    assert [kind for kind in sounds.kinds(turn) if kind != "sessionResumptionUpdate"] == [
        "modelTurn",
        "generationComplete",
        "turnComplete",
    ]
    assert "sunny" in sounds.said(turn)


@pytest.mark.rule("toolCall", "BLOCKING on request holds the turn", families=("3.8",))
async def test_blocking_on_request(talk, sounds):
    client = await talk.open(**talk.tools("BLOCKING"))
    call = await talk.call(client)
    await client.nothing_for(10)
    await talk.answer(client, call)
    assert sounds.kinds(await client.turn()) == ["modelTurn", "generationComplete", "turnComplete"]


@pytest.mark.rule(
    "toolCall", "NON_BLOCKING by default: turnComplete at once, the result in another turn", families=("3.8",)
)
async def test_non_blocking_by_default(talk, sounds):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    assert sounds.kinds(await client.turn()) == ["turnComplete"]
    await client.nothing_for(3)
    await talk.answer(client, call)
    told = await client.turn()
    assert sounds.kinds(told) == ["modelTurn", "generationComplete", "turnComplete"]
    assert "sunny" in sounds.said(told)


@pytest.mark.rule("toolCall", "NON_BLOCKING on request: a spoken filler follows the call", families=("2.5",))
async def test_non_blocking_with_filler(talk, sounds, values):
    client = await talk.open(**talk.tools("NON_BLOCKING"))
    call = await talk.call(client)
    filler = await client.turn()
    assert sounds.kinds(filler) == ["modelTurn", "generationComplete", "turnComplete"]
    assert not any("thought" in part for turn in values(filler, "modelTurn") for part in turn["parts"])
    await talk.answer(client, call)
    assert "sunny" in sounds.said(await client.turn())


@pytest.mark.rule("toolCall", "a filler with IN_PROGRESS precedes it, the result ends with IDLE", families=("3.8 ET",))
async def test_extended_thinking(talk, sounds):
    client = await talk.open(**talk.tools())
    await client.type("weather")
    filler = await client.turn()
    assert filler[-1]["serverContent"] == {"turnComplete": True, "interactionStatus": "IN_PROGRESS"}
    message = (await client.until("toolCall"))[-1]
    assert message["interactionStatus"] == "IN_PROGRESS"
    await talk.answer(client, message["toolCall"]["functionCalls"][0])
    assert (await client.turn())[-1]["serverContent"] == {"turnComplete": True, "interactionStatus": "IDLE"}


@pytest.mark.rule("toolCall", "an unanswered call keeps the interaction IN_PROGRESS", families=("3.8 ET",))
async def test_an_unanswered_call(talk):
    client = await talk.open(**talk.tools())
    await talk.call(client)
    await client.type("Hello")
    assert (await client.turn())[-1]["serverContent"]["interactionStatus"] == "IN_PROGRESS"


@pytest.mark.rule("toolResponse", "an id nobody knows is ignored")
async def test_unknown_ids(talk, sounds):
    client = await talk.open(**talk.tools())
    await talk.answer(client, {"id": "call_0", "name": "f"})
    await client.nothing_for(3)
    await client.type("Hello")
    await client.turn()


@pytest.mark.rule("toolResponse", "an error is told")
async def test_errors(talk, sounds):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    if talk.family == "3.8":
        await client.turn()
    await talk.answer(client, call, response={"error": "no such city"})
    assert "failed: no such city" in sounds.said(await client.turn())


@pytest.mark.rule("toolResponse", "without an id it closes with 1007")
async def test_no_id(talk):
    client = await talk.open()
    await talk.answer(client, {"id": "", "name": "f"})
    assert (await client.closed())[0] == 1007


@pytest.mark.rule("toolResponse", "scheduling closes with 1007", families=("3.1", "3.8 ET"))
async def test_no_scheduling(talk):
    client = await talk.open(**talk.tools())
    await talk.answer(client, await talk.call(client), scheduling="WHEN_IDLE")
    assert await client.closed() == (1007, "Function response scheduling is not supported for this model.")


@pytest.mark.rule("toolResponse", "INTERRUPT stops what is said, then tells", families=NON_BLOCKING)
async def test_interrupting_results(talk, sounds):
    client = await talk.open(**talk.tools("NON_BLOCKING"))
    call = await talk.call(client)
    await client.turn()
    await client.type("a long story")
    await client.until("modelTurn")
    await talk.answer(client, call, scheduling="INTERRUPT")
    assert sounds.kinds(await client.turn())[-1] == "turnComplete"
    assert "interrupted" in sounds.kinds(client.seen)
    assert "sunny" in sounds.said(await client.turn())


@pytest.mark.rule("toolResponse", "WHEN_IDLE waits until nobody speaks", families=NON_BLOCKING)
async def test_results_when_idle(talk, sounds):
    client = await talk.open(**talk.tools("NON_BLOCKING"))
    call = await talk.call(client)
    await client.turn()
    await client.type("Hello")
    await client.until("modelTurn")
    await talk.answer(client, call, scheduling="WHEN_IDLE")
    assert "interrupted" not in sounds.kinds(await client.turn())
    assert "sunny" in sounds.said(await client.turn())


@pytest.mark.rule("toolResponse", "SILENT says nothing", families=NON_BLOCKING)
async def test_silent_results(talk):
    client = await talk.open(**talk.tools("NON_BLOCKING"))
    call = await talk.call(client)
    await client.turn()
    await talk.answer(client, call, scheduling="SILENT")
    await client.nothing_for(5)


@pytest.mark.rule(
    "toolResponse", "willContinue: each is told, and the call stays open until the last", families=NON_BLOCKING
)
async def test_continued_results(talk, sounds):
    client = await talk.open(**talk.tools("NON_BLOCKING"))
    call = await talk.call(client)
    await client.turn()
    for output, more in (("halfway", True), ("there", False)):
        await talk.answer(client, call, output, willContinue=more)
        assert output in sounds.said(await client.turn())
    await talk.answer(client, call, "late")
    await client.nothing_for(5)


@pytest.mark.rule("toolResponse", "willContinue: the last one is never told", families=("3.8 ET",))
async def test_the_last_of_several_is_lost(talk, sounds):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    await talk.answer(client, call, "halfway", willContinue=True)
    assert "halfway" in sounds.said(await client.turn())
    await talk.answer(client, call, "there")
    await client.nothing_for(5)


@pytest.mark.rule("toolResponse", "willContinue closes with 1007", families=("3.1",))
async def test_no_continued_results(talk):
    client = await talk.open(**talk.tools())
    await talk.answer(client, await talk.call(client), willContinue=True)
    assert (await client.closed())[0] == 1007


@pytest.mark.rule("toolCallCancellation", "comes when the user cuts into an open call", families=("3.1", "2.5"))
async def test_cancellation(talk, sounds):
    client = await talk.open(**talk.tools())
    call = await talk.call(client)
    await client.type("Never mind")
    cut = await client.turn()
    assert sounds.kinds(cut) == ["interrupted", "toolCallCancellation", "turnComplete"]
    assert cut[1] == {"toolCallCancellation": {"ids": [call["id"]]}}
    await client.turn()
    await talk.answer(client, call, "late")
    await client.nothing_for(3)


@pytest.mark.rule("toolCallCancellation", "never comes; a late answer is told all the same", families=("3.8",))
async def test_no_cancellation(talk, sounds):
    client = await talk.open(**talk.tools("BLOCKING"))
    call = await talk.call(client)
    await client.type("Never mind")
    assert sounds.kinds(await client.turn()) == ["interrupted", "turnComplete"]
    await client.turn()
    await talk.answer(client, call)
    assert "sunny" in sounds.said(await client.turn())
    assert not any("toolCallCancellation" in m for m in client.seen)


@pytest.mark.rule("toolCallCancellation", "never comes", families=("3.8 ET",))
async def test_no_cancellation_of_free_calls(talk):
    client = await talk.open(**talk.tools())
    await talk.call(client)
    await client.type("Never mind")
    await client.turn()
    assert not any("toolCallCancellation" in m for m in client.seen)
