"""Wire text in, events out; commands in, wire text out. Fixtures are of our own making, in the shapes servers send."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.errors import RemoteProtocolError
from flashlive_cli.protocol import codec
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e

PCM = b"\x01\x00\xff\x7f"


def audio_part(pcm: bytes = PCM, mime: str | None = "audio/pcm;rate=24000") -> dict[str, object]:
    blob: dict[str, object] = {"data": base64.b64encode(pcm).decode()}
    return {"inlineData": blob | ({"mimeType": mime} if mime else {})}


def content(**fields: object) -> dict[str, object]:
    return {"serverContent": fields}


DECODED = {
    "setup complete": ({"setupComplete": {}}, [e.SetupComplete()]),
    "setup complete on Vertex": ({"setupComplete": {"sessionId": "s-1"}}, [e.SetupComplete("s-1")]),
    "empty": ({}, []),
    "empty content": (content(), []),
    "all null": ({"setupComplete": None, "serverContent": {"modelTurn": None, "turnComplete": None}}, []),
    "audio": (content(modelTurn={"parts": [audio_part()], "role": "model"}), [e.AudioChunk(PCM)]),
    "several parts": (
        content(modelTurn={"parts": [audio_part(), audio_part(b"\0\0")]}),
        [e.AudioChunk(PCM), e.AudioChunk(b"\0\0")],
    ),
    "audio without a rate": (content(modelTurn={"parts": [audio_part(mime="audio/pcm")]}), [e.AudioChunk(PCM)]),
    "audio without a type": (content(modelTurn={"parts": [audio_part(mime=None)]}), [e.AudioChunk(PCM)]),
    "a picture is no sound": (content(modelTurn={"parts": [audio_part(mime="image/png")]}), []),
    "audio in URL-safe base64": (
        content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "-_8="}}]}),
        [e.AudioChunk(b"\xfb\xff")],
    ),
    "audio of nothing": (content(modelTurn={"parts": [audio_part(b"")]}), []),
    "thought": (content(modelTurn={"parts": [{"text": "Hm", "thought": True}]}), [e.Thought("Hm")]),
    "text": (content(modelTurn={"parts": [{"text": "Hi"}]}), [e.ModelText("Hi")]),
    "code part": (content(modelTurn={"parts": [{"codeExecutionResult": {"outcome": "OUTCOME_OK"}}]}), []),
    "input transcript": (content(inputTranscription={"text": " hello"}), [e.InputTranscript(" hello")]),
    "interim transcript": (content(interimInputTranscription={"text": "he"}), [e.InputTranscript("he", interim=True)]),
    "empty transcript with finished": (content(outputTranscription={"finished": True}), []),
    "sound before words before the cut": (
        content(
            interrupted=True, outputTranscription={"text": "Ro"}, modelTurn={"parts": [audio_part()]}, turnComplete=True
        ),
        [e.AudioChunk(PCM), e.OutputTranscript("Ro"), e.Interrupted(), e.TurnComplete()],
    ),
    "generation complete": (content(generationComplete=True), [e.GenerationComplete()]),
    "turn complete with usage": (
        content(turnComplete=True)
        | {
            "usageMetadata": {
                "promptTokenCount": "626",
                "responseTokenCount": 63,
                "totalTokenCount": 689,
                "thoughtsTokenCount": 40,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 312}, {"modality": "AUDIO"}],
                "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 63}],
            }
        },
        [
            e.Usage(
                prompt=626,
                response=63,
                thoughts=40,
                total=689,
                prompt_by_modality={"TEXT": 312, "AUDIO": 0},
                response_by_modality={"AUDIO": 63},
            ),
            e.TurnComplete(),
        ],
    ),
    "Vertex usage": (
        {"usageMetadata": {"candidatesTokenCount": 5, "trafficType": "ON_DEMAND"}},
        [e.Usage(response=5)],
    ),
    "turn complete with a reason": (
        content(turnComplete=True, turnCompleteReason="GENERATED_AUDIO_SAFETY", waitingForInput=True),
        [e.TurnComplete("GENERATED_AUDIO_SAFETY", waiting_for_input=True)],
    ),
    "status inside": (
        content(turnComplete=True, interactionStatus="IDLE"),
        [e.InteractionChanged("IDLE"), e.TurnComplete()],
    ),
    "calls with a status beside": (
        {
            "toolCall": {
                "functionCalls": [{"id": "call_1", "name": "f", "args": {"x": 1}}, {"id": "call_2", "name": "g"}]
            },
            "interactionStatus": "IN_PROGRESS",
        },
        [e.ToolCall("call_1", "f", {"x": 1}), e.ToolCall("call_2", "g", {}), e.InteractionChanged("IN_PROGRESS")],
    ),
    "cancellation": ({"toolCallCancellation": {"ids": ["a", "b"]}}, [e.ToolCallCancelled(("a", "b"))]),
    "go away": ({"goAway": {"timeLeft": "50.5s"}}, [e.GoAway(50.5)]),
    "go away, late": ({"goAway": {"timeLeft": "-0.5s"}}, [e.GoAway(0.0)]),
    "go away at once": ({"goAway": {}}, [e.GoAway(0.0)]),
    "handle": ({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}, [e.HandleIssued("h")]),
    "no restart point": ({"sessionResumptionUpdate": {}}, [e.HandleIssued(None)]),
    "speech starts, as 3.1 says it": (
        content() | {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "1.880s"}},
        [e.SpeechStarted(1.88)],
    ),
    "speech ends, in the SDK's words": (
        {"voiceActivity": {"voiceActivityType": "ACTIVITY_END"}},
        [e.SpeechEnded(None)],
    ),
    "activity of an unknown kind": ({"voiceActivity": {"type": "ACTIVITY_HUM"}}, []),
    "search": (
        content(
            groundingMetadata={
                "webSearchQueries": ["q"],
                "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {}],
            }
        ),
        [e.Grounded(("q",), (("A", "https://a.example"),))],
    ),
    "unknown fields and keys": (content(turnComplete=True, mood="sunny") | {"weather": [1, 2]}, [e.TurnComplete()]),
}


@pytest.mark.parametrize(("message", "events"), DECODED.values(), ids=DECODED.keys())
def test_a_server_message_is_read(message, events) -> None:
    raw = json.dumps(message, indent=2).encode() + b"\n"

    assert codec.decode(raw) == events
    assert codec.decode(json.dumps(message)) == events, "text messages are read alike"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"hi"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"serverContent":' * 5000,
        b'{"serverContent":[]}',
        b'{"serverContent":{"turnComplete":"yes"}}',
        b'{"serverContent":{"modelTurn":{"parts":{}}}}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"A"}}]}}}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"}}]}}}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AA=="}}]}}}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=16000","data":"AAA="}}]}}}',
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"!!!!"}}]}}}',
        b'{"goAway":{"timeLeft":"soon"}}',
        b'{"toolCall":{"functionCalls":[{"name":"f"}]}}',
        b'{"goAway":{"timeLeft":5}}',
        b'{"usageMetadata":{"promptTokenCount":"many"}}',
        b'{"usageMetadata":{"promptTokenCount":' + b"9" * 400 + b"}}",  # no sum of money survives it
        b'{"usageMetadata":{"responseTokensDetails":[{"modality":"AUDIO","tokenCount":"' + b"9" * 400 + b'"}]}}',
        b'{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":{"a":' + b"[" * 101 + b"]" * 101 + b"}}]}}",
        b'{"toolCall":{"functionCalls":[{"args":[]}]}}',
    ],
    ids=lambda raw: raw[:60].decode(errors="replace"),
)
def test_what_is_no_live_message_is_a_remote_protocol_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.decode(raw)


def test_arguments_may_be_as_deep_as_protobuf_takes_them() -> None:
    deep: object = []
    for _ in range(98):
        deep = [deep]

    (call,) = codec.decode(json.dumps({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"a": deep}}]}}))

    assert isinstance(call, e.ToolCall)
    assert call.args == {"a": deep}


@given(st.binary(max_size=300))
def test_any_bytes_give_events_or_a_remote_protocol_error(raw: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        codec.decode(raw)


NAMES = st.sampled_from(
    ["setupComplete", "serverContent", "modelTurn", "parts", "inlineData", "data", "mimeType", "text", "toolCall",
     "functionCalls", "id", "name", "args", "goAway", "timeLeft", "usageMetadata", "promptTokensDetails", "modality",
     "tokenCount", "voiceActivity", "type", "audioOffset", "inputTranscription", "turnComplete", "interrupted", "ids",
     "toolCallCancellation", "sessionResumptionUpdate", "newHandle", "resumable", "groundingMetadata", "other"]
)  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_json_under_known_names_gives_events_or_a_remote_protocol_error(message: dict[str, object]) -> None:
    with contextlib.suppress(RemoteProtocolError):
        codec.decode(json.dumps(message))


ENCODED = {
    "audio": (
        c.SendAudio(PCM),
        {"realtimeInput": {"audio": {"data": "AQD/fw==", "mimeType": "audio/pcm;rate=16000"}}},
    ),
    "video": (c.SendVideo(b"jpg"), {"realtimeInput": {"video": {"data": "anBn", "mimeType": "image/jpeg"}}}),
    "text": (c.SendText('say "é"\n'), {"realtimeInput": {"text": 'say "é"\n'}}),
    "activity start": (c.StartActivity(), {"realtimeInput": {"activityStart": {}}}),
    "activity end": (c.EndActivity(), {"realtimeInput": {"activityEnd": {}}}),
    "audio stream end": (c.EndAudioStream(), {"realtimeInput": {"audioStreamEnd": True}}),
    "typed content": (
        c.SendContent((c.Content("user", "hi", ((b"png", "image/png"),)),)),
        {
            "clientContent": {
                "turns": [
                    {
                        "role": "user",
                        "parts": [{"inlineData": {"data": "cG5n", "mimeType": "image/png"}}, {"text": "hi"}],
                    }
                ],
                "turnComplete": True,
            }
        },
    ),
    "stop": (c.SendContent(), {"clientContent": {"turnComplete": True}}),
    "answers": (
        c.AnswerTools(
            (
                c.ToolAnswer("1", "f", {"output": 2}),
                c.ToolAnswer("2", "g", {"error": "no"}, scheduling="SILENT", will_continue=True),
            )
        ),
        {
            "toolResponse": {
                "functionResponses": [
                    {"id": "1", "name": "f", "response": {"output": 2}},
                    {"id": "2", "name": "g", "response": {"error": "no"}, "scheduling": "SILENT", "willContinue": True},
                ]
            }
        },
    ),
    "clear the functions": (c.UpdateContext(functions=()), {"contextUpdate": {"tools": {"tools": []}}}),
    "new context": (
        c.UpdateContext("Be formal.", (c.FunctionDeclaration("f"),)),
        {
            "contextUpdate": {
                "systemInstruction": {"parts": [{"text": "Be formal."}]},
                "tools": {"tools": [{"functionDeclarations": [{"name": "f"}]}]},
            }
        },
    ),
    "bare setup": (
        c.Setup(
            model="models/m", transcribe_input=False, transcribe_output=False, compress_context=False, resumable=False
        ),
        {"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["AUDIO"]}}},
    ),
    "full setup": (
        c.Setup(
            model="models/m",
            voice="Kore",
            system="Be brief.",
            functions=(c.FunctionDeclaration("f", "does", {"type": "OBJECT"}, "NON_BLOCKING"),),
            google_search=True,
            sampling=c.Sampling(
                temperature=0.5,
                top_p=0.9,
                top_k=4,
                seed=0,
                max_output_tokens=9,
                candidate_count=1,
                presence_penalty=0.1,
                frequency_penalty=0.2,
            ),
            media_resolution="LOW",
            thinking_level="LOW",
            thinking_budget=0,
            include_thoughts=True,
            detection=c.Detection(
                disabled=True,
                start_sensitivity="LOW",
                end_sensitivity="HIGH",
                prefix_ms=20,
                silence_ms=0,
                interrupts=False,
                turn_coverage="ALL_INPUT",
            ),
            language_codes=("pl-PL",),
            handle="h",
            seeds_history=True,
            proactive_audio=True,
            affective_dialog=True,
            labels={"team": "a"},
        ),
        {
            "setup": {
                "model": "models/m",
                "generationConfig": {
                    "responseModalities": ["AUDIO"],
                    "temperature": 0.5,
                    "topP": 0.9,
                    "topK": 4,
                    "seed": 0,
                    "maxOutputTokens": 9,
                    "candidateCount": 1,
                    "presencePenalty": 0.1,
                    "frequencyPenalty": 0.2,
                    "mediaResolution": "MEDIA_RESOLUTION_LOW",
                    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                    "thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 0, "includeThoughts": True},
                    "enableAffectiveDialog": True,
                },
                "systemInstruction": {"parts": [{"text": "Be brief."}]},
                "tools": [
                    {
                        "functionDeclarations": [
                            {
                                "name": "f",
                                "description": "does",
                                "parameters": {"type": "OBJECT"},
                                "behavior": "NON_BLOCKING",
                            }
                        ]
                    },
                    {"googleSearch": {}},
                ],
                "realtimeInputConfig": {
                    "automaticActivityDetection": {
                        "disabled": True,
                        "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
                        "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
                        "prefixPaddingMs": 20,
                        "silenceDurationMs": 0,
                    },
                    "activityHandling": "NO_INTERRUPTION",
                    "turnCoverage": "TURN_INCLUDES_ALL_INPUT",
                },
                "inputAudioTranscription": {"languageCodes": ["pl-PL"]},
                "outputAudioTranscription": {"languageCodes": ["pl-PL"]},
                "contextWindowCompression": {"slidingWindow": {}},
                "sessionResumption": {"handle": "h"},
                "historyConfig": {"initialHistoryInClientContent": True},
                "proactivity": {"proactiveAudio": True},
                "labels": {"team": "a"},
            }
        },
    ),
}


@pytest.mark.parametrize(("command", "message"), ENCODED.values(), ids=ENCODED.keys())
def test_a_command_is_written_in_camel_case_and_says_only_what_was_set(command, message) -> None:
    assert json.loads(codec.encode(command)) == message


@given(st.binary(max_size=4000).filter(lambda pcm: len(pcm) % 2 == 0))
def test_audio_survives_the_way_to_the_wire(pcm: bytes) -> None:
    sent = json.loads(codec.encode(c.SendAudio(pcm)))

    assert base64.b64decode(sent["realtimeInput"]["audio"]["data"], validate=True) == pcm
