"""Every breach closes with the service's code and words; nothing else closes."""

import asyncio
import json
import logging
from logging.handlers import BufferingHandler

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect  # noqa: TID251 - the other end of the simulator
from websockets.exceptions import ConnectionClosed  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.sim.grammar import ALPHA_MESSAGE
from flashlive_cli.sim.inbound import read_first, read_later
from flashlive_cli.sim.outbox import cut_reason
from flashlive_cli.sim.schema import Kind, Many, MapOf, Refusal, Struct
from flashlive_cli.sim.server import serve
from flashlive_cli.sim.setup import judge_setup

DOCUMENTED = {1007, 1008}

M31 = "models/gemini-3.1-flash-live-preview"
M38 = "models/gemini-3.8-live"
ET = "models/gemini-3.8-live-extended-thinking"
M25 = "models/gemini-2.5-flash-native-audio-preview-12-2025"

INVALID = "Request contains an invalid argument."
FIRST = "setup must be the first message and only the first"


def declares(**declaration):
    return {"tools": [{"functionDeclarations": [{"name": "f"} | declaration]}]}


def thinks(level):
    return {"generationConfig": {"thinkingConfig": {"thinkingLevel": level}}}


def speaks(name):
    return {"generationConfig": {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}}}}


def unknown(name, at):
    return f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."


PARAMETERS = "setup.tools[0].function_declarations[0].parameters"

SETUPS = {
    "unknown model": (
        {"model": "models/gemini-3.1-flash-live"},
        1008,
        "models/gemini-3.1-flash-live is not found for API version v1beta, or is not supported for bidi",
    ),
    "bare id": ({"model": "gemini-3.8-live"}, 1008, "gemini-3.8-live is not found for API version v1beta"),
    "no model": ({"model": None}, 1008, " is not found"),
    "text": (
        {"generationConfig": {"responseModalities": ["TEXT"]}},
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model. " + M31,
    ),
    "unknown name": ({"foo": 1}, 1007, unknown("foo", "setup")),
    "unknown name deep": ({"generation_config": {"foo": 1}}, 1007, unknown("foo", "setup.generation_config")),
    "proactivity": ({"proactivity": {"proactiveAudio": True}}, 1007, unknown("proactivity", "setup")),
    "tool config": ({"toolConfig": {}}, 1007, unknown("toolConfig", "setup")),
    "transparent": (
        {"sessionResumption": {"transparent": True}},
        1007,
        unknown("transparent", "setup.session_resumption"),
    ),
    "schema keyword": (
        declares(parameters={"type": "OBJECT", "properties": {}, "additionalProperties": False}),
        1007,
        unknown("additionalProperties", PARAMETERS),
    ),
    "schema keyword deep": (
        declares(parameters={"type": "object", "properties": {"a": {"const": 1}}}),
        1007,
        unknown("const", PARAMETERS + ".properties[0].value"),
    ),
    "list of types": (
        declares(parameters={"type": ["object", "null"]}),
        1007,
        f"Invalid JSON payload received. Unknown name \"type\" at '{PARAMETERS}': Proto field is not repeating",
    ),
    "bare string instruction": (
        {"systemInstruction": "Be brief."},
        1007,
        "Invalid value at 'setup.system_instruction' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)",
    ),
    "wrong type": (
        {"generationConfig": {"temperature": "hot"}},
        1007,
        "Invalid value at 'setup.generation_config.temperature' (TYPE_FLOAT), \"hot\"",
    ),
    "wrong enum": (
        {"realtimeInputConfig": {"activityHandling": "PERHAPS"}},
        1007,
        "Invalid value at 'setup.realtime_input_config.activity_handling' (type.googleapis.com",
    ),
    "voice": (speaks("puck"), 1007, f"Requested voice api_name 'puck' is not available for model {M31}"),
    "function name": (declares(name="1st"), 1007, INVALID),
    "long function name": (declares(name="f" * 129), 1007, INVALID),
    "twice": (
        {"tools": [{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "f"}]}]},
        1007,
        "Duplicate function declaration found: f",
    ),
    "too many": ({"tools": [{"functionDeclarations": [{"name": f"f{i}"} for i in range(513)]}]}, 1007, INVALID),
    "two schemas": (declares(parameters={}, parametersJsonSchema={}), 1007, INVALID),
    "required but undefined": (declares(parameters={"type": "OBJECT", "required": ["x"]}), 1007, INVALID),
    "maps": ({"tools": [{"googleMaps": {}}]}, 1007, INVALID),
    "both spellings": ({"systemInstruction": {}, "system_instruction": {}}, 1007, INVALID),
    "not for live": ({"generationConfig": {"stopSequences": ["x"]}}, 1007, INVALID),
    "budget on 3.1": ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}, 1007, INVALID),
    "non-blocking on 3.1": (declares(behavior="NON_BLOCKING"), 1007, "NON_BLOCKING function calls are not supported"),
    "level on 3.8": ({"model": M38} | thinks("LOW"), 1007, "Thinking level is not supported for this model."),
    "no level on ET": ({"model": ET}, 1007, "Thinking level must be specified for this model."),
    "minimal on ET": ({"model": ET} | thinks("MINIMAL"), 1007, "Thinking level MINIMAL is not supported"),
    "blocking on ET": (
        {"model": ET} | thinks("LOW") | declares(behavior="BLOCKING"),
        1007,
        "BLOCKING function calls are not supported for this model",
    ),
    "level on 2.5": ({"model": M25} | thinks("LOW"), 1007, "Thinking level is not supported for this model."),
}  # fmt: skip

ACCEPTED = {
    "smallest": {},
    "every voice's home": speaks("Kore") | thinks("minimal"),
    "nulls": {"tools": None, "sessionResumption": {"handle": None}, "generationConfig": {"seed": None}},
    "numbers as strings": {"contextWindowCompression": {"triggerTokens": "1000", "slidingWindow": {}}},
    "recorded tool": declares(
        parameters={
            "type": "OBJECT",
            "properties": {"n": {"type": "STRING"}, "c": {"default": {}, "type": "OBJECT"}},
            "required": ["n"],
        }
    ),
    "real JSON Schema": declares(parametersJsonSchema={"type": ["object", "null"], "additionalProperties": False}),
    "search": {"tools": [{"google_search": {}}, {"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}]},
    "3.8": {"model": M38} | declares(behavior="NON_BLOCKING"),
    "3.8 with a budget of nothing": {"model": M38, "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
    "ET": {"model": ET} | thinks("high"),
    "2.5": {"model": M25, "generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}}},
    "2.5 with URLs": {"model": M25, "tools": [{"urlContext": {}}]},
}  # fmt: skip


@pytest.mark.parametrize("case", SETUPS)
async def test_a_setup_is_refused_in_the_words_of_the_service(stage, case):
    fields, code, reason = SETUPS[case]
    client = await stage.dial()
    await client.send(setup={"model": M31} | fields)
    closed, words = await client.closed()
    assert closed == code
    assert len(words.encode()) <= 123
    assert words.startswith(reason[: len(words)]), words


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_setup_is_accepted(case):
    fields = {"model": M31} | ACCEPTED[case]
    judge_setup(read_first(json.dumps({"setup": fields}).encode(), version="v1beta"), version="v1beta")


def test_what_belongs_to_2_5_is_taken_on_the_alpha_surface_only():
    fields = {"proactivity": {"proactiveAudio": True}, "generationConfig": {"enableAffectiveDialog": True}}
    raw = json.dumps({"setup": {"model": M25} | fields}).encode()
    judge_setup(read_first(raw, version="v1alpha"), version="v1alpha")
    with pytest.raises(Refusal, match="Unknown name"):
        read_first(raw, version="v1beta")
    raw = json.dumps({"setup": {"model": M38} | fields}).encode()
    with pytest.raises(Refusal, match="Request contains an invalid argument"):
        judge_setup(read_first(raw, version="v1alpha"), version="v1alpha")


FIRSTS = {
    "not JSON": ("{", "Invalid JSON payload received."),
    "not UTF-8": (b"\xff\xfe", "Invalid JSON payload received."),
    "a list": ("[]", "Invalid JSON payload received."),
    "deep": ("[" * 100_000, "Invalid JSON payload received."),
    "deep object": ('{"setup":' + '{"a":' * 200 + "1" + "}" * 201, "Invalid JSON payload received."),
    "huge number": ('{"setup":{"generationConfig":{"temperature":1e999}}}', "Invalid JSON payload received."),
    "not a number": ('{"setup":{"generationConfig":{"temperature":NaN}}}', "Invalid JSON payload received."),
    "nothing": ("{}", FIRST),
    "content first": ('{"clientContent":{}}', FIRST),
    "audio first": ('{"realtime_input":{}}', FIRST),
    "unknown first": ('{"hello":{}}', 'Invalid JSON payload received. Unknown name "hello": Cannot find field.'),
    "two at once": (json.dumps({"setup": {"model": M31}, "clientContent": {}}), "Invalid value at '' (oneof)"),
}


@pytest.mark.parametrize("case", FIRSTS)
async def test_what_is_no_setup_is_refused(stage, case):
    raw, reason = FIRSTS[case]
    client = await stage.dial()
    await client.ws.send(raw)
    code, words = await client.closed()
    assert (code, words[: len(reason)]) == (1007, reason)


PCM = "audio/pcm;rate=16000"
EXPLICIT = "Explicit activity control is not supported when automatic activity detection is enabled."
NOT_IMPLEMENTED = "Operation is not implemented, or supported, or enabled."


def shows(mime, data="AAAA"):
    return {"clientContent": {"turns": [{"parts": [{"inlineData": {"mimeType": mime, "data": data}}]}]}}


def answers(**fields):
    return {"toolResponse": {"functionResponses": [{"id": "1", "name": "f", "response": {}} | fields]}}


LATER = {
    "second setup": ({"setup": {"model": M31}}, M31, 1007, FIRST),
    "unknown name": ({"realtimeInput": {"foo": 1}}, M31, 1007, unknown("foo", "realtime_input")),
    "two messages": ({"clientContent": {}, "toolResponse": {}}, M31, 1007, "Invalid value at"),
    "nothing": ({}, M31, 1007, INVALID),
    "activity": ({"realtimeInput": {"activityStart": {}}}, M31, 1007, EXPLICIT),
    "activity end": ({"realtime_input": {"activity_end": {}}}, M38, 1007, EXPLICIT),
    "base64": (
        {"realtimeInput": {"audio": {"data": "A", "mimeType": PCM}}},
        M31,
        1007,
        "Invalid value at 'realtime_input.audio.data' (TYPE_BYTES), Base64 decoding failed",
    ),
    "torn sample": ({"realtimeInput": {"audio": {"data": "AAAA", "mimeType": PCM}}}, M31, 1007, INVALID),
    "container": ({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/wav"}}}, M31, 1007, INVALID),
    "l16": ({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/l16;rate=16000"}}}, M31, 1007, INVALID),
    "rate": ({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/pcm;rate=0"}}}, M31, 1007, INVALID),
    "no type": ({"realtimeInput": {"audio": {"data": "AAA="}}}, M31, 1007, INVALID),
    "gif": ({"realtimeInput": {"video": {"data": "AAA=", "mimeType": "image/gif"}}}, M31, 1007, INVALID),
    "sound as video": ({"realtimeInput": {"video": {"data": "AAA=", "mimeType": PCM}}}, M31, 1007, INVALID),
    "role": ({"clientContent": {"turns": [{"role": "function", "parts": []}]}}, M31, 1007, INVALID),
    "24 kHz in history": (shows("audio/pcm;rate=24000"), M31, 1008, NOT_IMPLEMENTED),
    "pdf": (shows("application/pdf"), M31, 1008, NOT_IMPLEMENTED),
    "audio in history on 2.5": (shows(PCM), M25, 1007, "Precondition check failed."),
    "pdf in a response": (
        answers(parts=[{"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}]),
        M38,
        1008,
        NOT_IMPLEMENTED,
    ),
    "no id": (answers(id=""), M31, 1007, INVALID),
    "response no object": (answers(response="x"), M31, 1007, "Invalid value at 'tool_response.function_responses[0]"),
    "scheduling on 3.1": (
        answers(scheduling="WHEN_IDLE"),
        M31,
        1007,
        "Function response scheduling is not supported for this model.",
    ),
    "continued on 3.1": (answers(willContinue=True), M31, 1007, INVALID),
    "bad tools later": (
        {"contextUpdate": {"tools": {"tools": [{"functionDeclarations": [{"name": "f", "foo": 1}]}]}}},
        M31,
        1007,
        unknown("foo", "context_update.tools.tools[0].function_declarations[0]"),
    ),
}


@pytest.mark.parametrize("case", LATER)
async def test_a_later_message_is_refused_in_the_words_of_the_service(stage, case):
    message, model, code, reason = LATER[case]
    client = await stage.dial()
    await client.setup(model)
    await client.send(**message)
    closed, words = await client.closed()
    assert (closed, words) == (code, reason[:123]) or (closed == code and words.startswith(reason[: len(words)])), words


FINE = {
    "empty realtime input": {"realtimeInput": {}},
    "bare pcm": {"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/pcm"}}},
    "URL-safe base64": {"realtime_input": {"audio": {"data": "_-A=", "mime_type": "audio/pcm; rate=48000"}}},
    "chunks": {"realtimeInput": {"mediaChunks": [{"data": "AAA=", "mimeType": PCM}, {"data": "A"}][:1]}},
    "seeded call": {
        "clientContent": {"turns": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}]}
    },
    "16 kHz in history": shows(PCM),
    "no turns": {"clientContent": {}},
    "an unknown id": answers(),
    "a picture in a response": answers(parts=[{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]),
    "stream end": {"realtimeInput": {"audioStreamEnd": False}},
}


@pytest.mark.parametrize("case", FINE)
def test_a_later_message_is_taken(case):
    raw = json.dumps({"setup": {"model": M31}}).encode()
    setup = judge_setup(read_first(raw, version="v1beta"), version="v1beta")
    read_later(json.dumps(FINE[case]).encode(), setup)


def test_a_reason_is_cut_between_characters():
    assert cut_reason("ä" * 100) == "ä" * 61
    assert cut_reason("short") == "short"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def later(kind: Kind, depth: int) -> st.SearchStrategy[object]:
    """As `messages`, for kinds that contain themselves."""
    return st.deferred(lambda: messages(kind, depth))


def messages(kind: Kind, depth: int = 0) -> st.SearchStrategy[object]:
    """JSON that a message of this kind could be, or nearly."""
    leaf: st.SearchStrategy[object] = st.sampled_from(
        [True, 0, 1, "x", "LOW", "AAA=", PCM, "image/png", "user", M31, M38, M25, {}, [], None]
    )
    if isinstance(kind, Struct) and depth < 6:
        fields = {name: later(child, depth + 1) for name, child in kind.fields.items()}
        chosen = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True) if fields else st.just([])
        return leaf | chosen.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    if isinstance(kind, Many):
        return leaf | st.lists(messages(kind.of, depth + 1), max_size=2)
    if isinstance(kind, MapOf):
        return leaf | st.dictionaries(st.text(max_size=3), messages(kind.of, depth + 1), max_size=2)
    return leaf | JSON


NEARLY = messages(ALPHA_MESSAGE).map(lambda value: json.dumps(value).encode())
RAW = st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()) | NEARLY


@settings(max_examples=300)
@given(RAW)
def test_any_first_message_is_a_setup_or_refused(raw):
    refused: list[Refusal] = []
    try:
        judge_setup(read_first(raw, version="v1alpha"), version="v1alpha")
    except Refusal as refusal:
        refused.append(refusal)
    assert all(refusal.code in DOCUMENTED and refusal.reason for refusal in refused)


@settings(max_examples=60)
@given(st.lists(RAW, max_size=6), st.sampled_from([M31, M38, M25]), st.booleans())
def test_no_message_breaks_the_server(raws, model, automatic):
    """Whatever arrives after setup, the connection ends as documented and nothing is logged."""
    handler = BufferingHandler(1000)
    logging.getLogger("flashlive_cli.sim.server").addHandler(handler)

    async def talk() -> int | None:
        async with serve(clock=Clock(speed=1000)) as server, connect(server.url) as ws:
            realtime = {"automaticActivityDetection": {"disabled": not automatic}}
            await ws.send(json.dumps({"setup": {"model": model, "realtimeInputConfig": realtime}}))
            try:
                for raw in raws:
                    await ws.send(raw)
                await ws.send("the end")
                while True:
                    await ws.recv()
            except ConnectionClosed:
                return ws.close_code

    try:
        assert asyncio.run(talk()) in DOCUMENTED
        assert not handler.buffer
    finally:
        logging.getLogger("flashlive_cli.sim.server").removeHandler(handler)
