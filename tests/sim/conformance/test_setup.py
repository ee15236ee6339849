"""`setup`: what is taken, what is refused, and with which words."""

import json

import pytest

ALPHA = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent"
SOME_3_8 = ("3.8", "3.8 ET")
INVALID = "Request contains an invalid argument."


def thinks(**config):
    return {"generationConfig": {"thinkingConfig": config}}


@pytest.mark.rule("setup", "is answered by an empty setupComplete first of all")
async def test_setup_complete_is_empty_and_first(talk):
    client = await talk.dial()
    assert await client.receive() == {"setupComplete": {}}


@pytest.mark.rule("setup", "is confirmed after 0.3 s")
async def test_setup_takes_its_time(talk, stage):
    await stage.serve(speed=2)
    began = stage.clock.now()
    client = await talk.dial()
    await client.until("setupComplete")
    assert client.at[-1] - began >= 0.3


@pytest.mark.rule(
    "setup", "the model alone is enough where no thinking level is required", families=("3.1", "3.8", "2.5")
)
async def test_the_model_is_enough(talk, stage):
    client = await stage.dial()
    await client.send(setup={"model": talk.model})
    await client.until("setupComplete")


@pytest.mark.rule("setup", "names in snake_case mean the same")
async def test_snake_case_is_taken(talk, stage):
    client = await stage.dial()
    fields = talk.setup()
    fields["generation_config"] = fields.pop("generationConfig", {}) | {"response_modalities": ["AUDIO"]}
    fields["output_audio_transcription"] = fields.pop("outputAudioTranscription")
    await client.send(setup=fields)
    await client.until("setupComplete")


@pytest.mark.rule("setup", "an unknown name closes with 1007 and is named with its path")
async def test_an_unknown_name_is_named(talk):
    reason = "Invalid JSON payload received. Unknown name \"foo\" at 'setup': Cannot find field."
    assert await talk.refused(foo=1) == (1007, reason)


@pytest.mark.rule("setup", "an unknown model closes with 1008")
async def test_an_unknown_model_is_not_found(talk):
    code, reason = await talk.refused(model="models/gemini-9.9-live")
    assert code == 1008
    assert "is not found for API version v1beta, or is not supported for bidiGenerateContent" in reason


@pytest.mark.rule("setup", "TEXT as modality closes with 1007")
async def test_text_is_no_modality(talk):
    level = {"thinkingConfig": {"thinkingLevel": "LOW"}} if talk.family == "3.8 ET" else {}
    code, reason = await talk.refused(generationConfig=level | {"responseModalities": ["TEXT"]})
    assert (code, reason[:71]) == (1007, "The requested combination of response modalities (TEXT) is not supporte")


@pytest.mark.rule("setup", "anything else first closes with 1007")
async def test_setup_must_come_first(talk, stage):
    client = await stage.dial()
    await client.type("Hello")
    assert await client.closed() == (1007, "setup must be the first message and only the first")


@pytest.mark.rule("setup", "a second one closes with 1007")
async def test_setup_must_come_once(talk):
    client = await talk.open()
    await client.send(setup=talk.setup())
    assert await client.closed() == (1007, "setup must be the first message and only the first")


LEVELS: dict[str, tuple[set[str | None], str]] = {
    "3.1": ({None, "MINIMAL", "LOW", "MEDIUM", "HIGH"}, "Thinking level XHIGH is not supported for this model."),
    "3.8": ({None}, "Thinking level is not supported for this model."),
    "3.8 ET": ({"LOW", "MEDIUM", "HIGH"}, ""),
    "2.5": ({None}, "Thinking level is not supported for this model."),
}


@pytest.mark.rule("setup", "thinkingLevel is taken where the family has levels, and closes with 1007 elsewhere")
async def test_levels_of_thinking(talk):
    taken, words = LEVELS[talk.family]
    for level in (None, "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"):
        client = await talk.dial(**thinks(**({"thinkingLevel": level} if level else {})))
        if level in taken:
            await client.until("setupComplete")
            await client.ws.close()
        else:
            code, reason = await client.closed()
            assert code == 1007
            assert reason.startswith(words or "Thinking level"), reason


@pytest.mark.rule("setup", "thinkingLevel is required", families=("3.8 ET",))
async def test_a_level_is_required(talk):
    closed = await talk.refused(generationConfig={"responseModalities": ["AUDIO"]})
    assert closed == (1007, "Thinking level must be specified for this model.")


@pytest.mark.rule("setup", "thinkingBudget is taken", families=("2.5",))
async def test_a_budget_of_thinking(talk):
    await talk.open(**thinks(thinkingBudget=1024))


@pytest.mark.rule("setup", "thinkingBudget other than 0 closes with 1007", families=("3.1", "3.8"))
async def test_no_budget_of_thinking(talk):
    await talk.open(**thinks(thinkingBudget=0))
    code, reason = await talk.refused(**thinks(thinkingBudget=1024))
    assert code == 1007
    assert reason.startswith(INVALID)


BEHAVIORS = {
    "3.1": ({"BLOCKING"}, "NON_BLOCKING function calls are not supported for this model"),
    "3.8": ({"BLOCKING", "NON_BLOCKING"}, ""),
    "3.8 ET": ({"NON_BLOCKING"}, "BLOCKING function calls are not supported for this model"),
    "2.5": ({"BLOCKING", "NON_BLOCKING"}, ""),
}


@pytest.mark.rule("setup", "behavior of a function is taken where the family has it, and closes with 1007 elsewhere")
async def test_behaviors(talk):
    taken, words = BEHAVIORS[talk.family]
    for behavior in ("BLOCKING", "NON_BLOCKING"):
        client = await talk.dial(**talk.tools(behavior))
        if behavior in taken:
            await client.until("setupComplete")
        else:
            assert await client.closed() == (1007, words)


@pytest.mark.rule("setup", "proactivity is an unknown name on v1beta")
async def test_proactivity_on_beta(talk):
    code, reason = await talk.refused(proactivity={"proactiveAudio": True})
    assert (code, reason) == (
        1007,
        "Invalid JSON payload received. Unknown name \"proactivity\" at 'setup': Cannot find field.",
    )


@pytest.mark.rule("setup", "proactivity and affective dialog are taken on v1alpha", families=("2.5",))
async def test_the_alpha_surface(talk):
    fields = {"proactivity": {"proactiveAudio": True}, "generationConfig": {"enableAffectiveDialog": True}}
    client = await talk.dial(ALPHA, **fields)
    await client.until("setupComplete")


@pytest.mark.rule("setup", "googleSearch is taken beside functions")
async def test_search(talk):
    await talk.open(tools=[{"googleSearch": {}}, *talk.tools()["tools"]])


@pytest.mark.rule("setup", "urlContext is taken", families=("2.5",))
async def test_url_context(talk):
    await talk.open(tools=[{"urlContext": {}}])


@pytest.mark.rule("setup", "googleMaps, urlContext and codeExecution close with 1007", families=("3.1", *SOME_3_8))
async def test_no_other_tools_of_the_service(talk):
    for name in ("googleMaps", "urlContext", "codeExecution"):
        code, reason = await talk.refused(tools=[{name: {}}])
        assert code == 1007
        assert reason.startswith(INVALID)


@pytest.mark.rule("setup", "a voice nobody has closes with 1007")
async def test_voices(talk):
    generation = talk.setup().get("generationConfig", {})
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "kore"}}}
    code, reason = await talk.refused(generationConfig=generation | {"speechConfig": voice})
    assert code == 1007
    assert reason.startswith("Requested voice api_name 'kore' is not available for model ")


@pytest.mark.rule("setup", "a schema keyword outside the subset closes with 1007")
async def test_schema_keywords(talk):
    declared = {"name": "f", "parameters": {"type": "OBJECT", "properties": {}, "additionalProperties": False}}
    code, reason = await talk.refused(tools=[{"functionDeclarations": [declared]}])
    assert code == 1007
    assert reason.startswith('Invalid JSON payload received. Unknown name "additionalProperties"')


@pytest.mark.rule("any message", "server messages are indented JSON in binary frames")
async def test_frames(talk, stage):
    client = await stage.dial()
    await client.ws.send(json.dumps({"setup": talk.setup()}))
    assert await client.ws.recv() == b'{\n  "setupComplete": {}\n}\n'


@pytest.mark.rule("any message", "malformed JSON closes with 1007")
async def test_malformed_json(talk):
    client = await talk.open()
    await client.ws.send('{"realtimeInput":')
    code, reason = await client.closed()
    assert code == 1007
    assert reason.startswith("Invalid JSON payload received.")


@pytest.mark.rule("any message", "two kinds in one close with 1007")
async def test_two_kinds(talk):
    client = await talk.open()
    await client.send(clientContent={}, realtimeInput={})
    assert (await client.closed())[0] == 1007
