"""
What a client may say: every message, name and type the Developer API takes, as tables for `schema`.

Written by hand from google-genai 3.4.0 (`_live_converters.py`, `types.py`), googleapis'
`generative_service.proto` and ai.google.dev/api/live. The published protobuf types cannot serve: they lack
`thinkingLevel`, `historyConfig` and more of what the service takes today. Names that only Vertex knows
(`transparent`, `explicitVadSignal`) and those that left the API (`toolConfig`) are absent, hence refused.
"""

from typing import Final

from flashlive_cli.sim.schema import (
    Choice,
    Flag,
    FreeJson,
    FreeObject,
    Kind,
    Many,
    MapOf,
    Number,
    Octets,
    Struct,
    Text,
    Whole,
)

_TEXT: Final = Text()
_FLAG: Final = Flag()
_INT: Final = Whole()
_COUNT: Final = Whole(minimum=0)
_COUNT64: Final = Whole(minimum=0, bits=64)
_NUMBER: Final = Number()
_OCTETS: Final = Octets()
_ANY: Final = FreeJson()
_OBJECT: Final = FreeObject()
_EMPTY: Final = Struct("Empty")


def _enum(type_name: str, names: str) -> Choice:
    return Choice(type_name, frozenset(names.split()))


BLOB: Final = Struct("Blob", {"data": _OCTETS, "mimeType": _TEXT, "displayName": _TEXT})

_FILE: Final = Struct("FileData", {"fileUri": _TEXT, "mimeType": _TEXT, "displayName": _TEXT})

_RESPONSE_PART: Final = Struct(
    "FunctionResponsePart",
    {"inlineData": BLOB, "fileData": _FILE},
    one_of=frozenset({"inlineData", "fileData"}),
)

FUNCTION_RESPONSE: Final = Struct(
    "FunctionResponse",
    {
        "id": _TEXT,
        "name": _TEXT,
        "response": _OBJECT,
        "scheduling": _enum("FunctionResponse.Scheduling", "SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT"),
        "willContinue": _FLAG,
        "parts": Many(_RESPONSE_PART),
    },
)

_PART: Final = Struct(
    "Part",
    {
        "text": _TEXT,
        "inlineData": BLOB,
        "fileData": _FILE,
        "functionCall": Struct("FunctionCall", {"id": _TEXT, "name": _TEXT, "args": _OBJECT}),
        "functionResponse": FUNCTION_RESPONSE,
        "executableCode": _OBJECT,
        "codeExecutionResult": _OBJECT,
        "thought": _FLAG,
        "thoughtSignature": _OCTETS,
        "videoMetadata": _OBJECT,
        "mediaResolution": _OBJECT,
        "partMetadata": _OBJECT,
    },
    one_of=frozenset(
        {
            "text",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
            "executableCode",
            "codeExecutionResult",
        }
    ),
)

CONTENT: Final = Struct("Content", {"role": _TEXT, "parts": Many(_PART)})

SCHEMA: Final = Struct("Schema")
SCHEMA.fields.update(
    {
        "type": _enum("Type", "TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL"),
        "format": _TEXT,
        "title": _TEXT,
        "description": _TEXT,
        "nullable": _FLAG,
        "enum": Many(_TEXT),
        "items": SCHEMA,
        "minItems": _COUNT64,
        "maxItems": _COUNT64,
        "properties": MapOf(SCHEMA),
        "required": Many(_TEXT),
        "propertyOrdering": Many(_TEXT),
        "minProperties": _COUNT64,
        "maxProperties": _COUNT64,
        "minimum": _NUMBER,
        "maximum": _NUMBER,
        "minLength": _COUNT64,
        "maxLength": _COUNT64,
        "pattern": _TEXT,
        "example": _ANY,
        "default": _ANY,
        "anyOf": Many(SCHEMA),
    }
)

_DECLARATION: Final = Struct(
    "FunctionDeclaration",
    {
        "name": _TEXT,
        "description": _TEXT,
        "behavior": _enum("FunctionDeclaration.Behavior", "UNSPECIFIED BLOCKING NON_BLOCKING"),
        "parameters": SCHEMA,
        "parametersJsonSchema": _ANY,
        "response": SCHEMA,
        "responseJsonSchema": _ANY,
    },
)

SERVER_TOOLS: Final = (
    "googleSearch",
    "googleMaps",
    "codeExecution",
    "urlContext",
    "fileSearch",
    "computerUse",
    "googleSearchRetrieval",
    "mcpServers",
)
"""What a tool may be besides functions. Their own options are not looked into: no search happens here."""

_TOOL: Final = Struct(
    "Tool",
    {"functionDeclarations": Many(_DECLARATION)}
    | {name: Many(_OBJECT) if name == "mcpServers" else _OBJECT for name in SERVER_TOOLS},
)

_SPEECH: Final = Struct(
    "SpeechConfig",
    {
        "voiceConfig": Struct(
            "VoiceConfig",
            {
                "prebuiltVoiceConfig": Struct("PrebuiltVoiceConfig", {"voiceName": _TEXT}),
                "replicatedVoiceConfig": _OBJECT,
            },
            one_of=frozenset({"prebuiltVoiceConfig", "replicatedVoiceConfig"}),
        ),
        "multiSpeakerVoiceConfig": _OBJECT,
        "languageCode": _TEXT,
    },
)

_THINKING: Final = Struct(
    "ThinkingConfig",
    {
        "includeThoughts": _FLAG,
        "thinkingBudget": _INT,
        "thinkingLevel": _enum("ThinkingLevel", "THINKING_LEVEL_UNSPECIFIED MINIMAL LOW MEDIUM HIGH XHIGH"),
    },
)

NOT_FOR_LIVE: Final = (
    "responseLogprobs",
    "logprobs",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "stopSequences",
)
"""Members of GenerationConfig that the Live page lists as unsupported."""

_GENERATION: Final[dict[str, Kind]] = {
    "responseModalities": Many(_enum("GenerationConfig.Modality", "MODALITY_UNSPECIFIED TEXT IMAGE AUDIO VIDEO")),
    "temperature": _NUMBER,
    "topP": _NUMBER,
    "topK": _NUMBER,
    "seed": _INT,
    "maxOutputTokens": _COUNT,
    "candidateCount": _COUNT,
    "presencePenalty": _NUMBER,
    "frequencyPenalty": _NUMBER,
    "mediaResolution": _enum(
        "GenerationConfig.MediaResolution",
        "MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH",
    ),
    "speechConfig": _SPEECH,
    "thinkingConfig": _THINKING,
    "translationConfig": Struct("TranslationConfig", {"targetLanguageCode": _TEXT, "echoTargetLanguage": _FLAG}),
    **dict.fromkeys(NOT_FOR_LIVE, _ANY),
}

_DETECTION: Final = Struct(
    "RealtimeInputConfig.AutomaticActivityDetection",
    {
        "disabled": _FLAG,
        "startOfSpeechSensitivity": _enum(
            "RealtimeInputConfig.AutomaticActivityDetection.StartSensitivity",
            "START_SENSITIVITY_UNSPECIFIED START_SENSITIVITY_HIGH START_SENSITIVITY_LOW",
        ),
        "endOfSpeechSensitivity": _enum(
            "RealtimeInputConfig.AutomaticActivityDetection.EndSensitivity",
            "END_SENSITIVITY_UNSPECIFIED END_SENSITIVITY_HIGH END_SENSITIVITY_LOW",
        ),
        "prefixPaddingMs": _COUNT,
        "silenceDurationMs": _COUNT,
    },
)

_REALTIME_CONFIG: Final = Struct(
    "RealtimeInputConfig",
    {
        "automaticActivityDetection": _DETECTION,
        "activityHandling": _enum(
            "RealtimeInputConfig.ActivityHandling",
            "ACTIVITY_HANDLING_UNSPECIFIED START_OF_ACTIVITY_INTERRUPTS NO_INTERRUPTION",
        ),
        "turnCoverage": _enum(
            "RealtimeInputConfig.TurnCoverage",
            "TURN_COVERAGE_UNSPECIFIED TURN_INCLUDES_ONLY_ACTIVITY TURN_INCLUDES_ALL_INPUT "
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        ),
        "interimTranscriptTimestampEnabled": _FLAG,
    },
)

_TRANSCRIPTION: Final = Struct(
    "AudioTranscriptionConfig",
    {
        "languageCodes": Many(_TEXT),
        "languageHints": _OBJECT,
        "languageAuto": _OBJECT,
        "customVocabulary": Many(_TEXT),
        "adaptationPhrases": Many(_TEXT),
        "wordTimestamp": _FLAG,
        "diarization": _FLAG,
        "mode": _enum("AudioTranscriptionConfig.Mode", "MODE_UNSPECIFIED VERBATIM SMART"),
        "sourceText": _TEXT,
    },
)


def _setup(*, alpha: bool) -> Struct:
    # v1beta answers `Unknown name "proactivity" at 'setup'`; v1alpha takes both for the 2.5 models
    generation: dict[str, Kind] = {**_GENERATION, **({"enableAffectiveDialog": _FLAG} if alpha else {})}
    extras: dict[str, Kind] = (
        {"proactivity": Struct("ProactivityConfig", {"proactiveAudio": _FLAG, "proactiveVideo": _FLAG})}
        if alpha
        else {}
    )
    return Struct(
        "BidiGenerateContentSetup",
        {
            "model": _TEXT,
            "generationConfig": Struct("GenerationConfig", generation),
            "systemInstruction": CONTENT,
            "tools": Many(_TOOL),
            "realtimeInputConfig": _REALTIME_CONFIG,
            "sessionResumption": Struct("SessionResumptionConfig", {"handle": _TEXT}),
            "contextWindowCompression": Struct(
                "ContextWindowCompressionConfig",
                {
                    "triggerTokens": _COUNT64,
                    "slidingWindow": Struct("SlidingWindow", {"targetTokens": _COUNT64}),
                },
            ),
            "inputAudioTranscription": _TRANSCRIPTION,
            "outputAudioTranscription": _TRANSCRIPTION,
            "historyConfig": Struct("HistoryConfig", {"initialHistoryInClientContent": _FLAG}),
            "avatarConfig": _OBJECT,
            "safetySettings": Many(Struct("SafetySetting", {"category": _TEXT, "threshold": _TEXT})),
            "labels": MapOf(_TEXT),
            **extras,
        },
    )


_REALTIME: Final = Struct(
    "BidiGenerateContentRealtimeInput",
    {
        "audio": BLOB,
        "video": BLOB,
        "text": _TEXT,
        "mediaChunks": Many(BLOB),
        "activityStart": _EMPTY,
        "activityEnd": _EMPTY,
        "audioStreamEnd": _FLAG,
    },
)


def _client_message(*, alpha: bool) -> Struct:
    fields: dict[str, Kind] = {
        "setup": _setup(alpha=alpha),
        "clientContent": Struct("BidiGenerateContentClientContent", {"turns": Many(CONTENT), "turnComplete": _FLAG}),
        "realtimeInput": _REALTIME,
        "toolResponse": Struct("BidiGenerateContentToolResponse", {"functionResponses": Many(FUNCTION_RESPONSE)}),
        "contextUpdate": Struct(
            "BidiGenerateContentContextUpdate",
            {"systemInstruction": CONTENT, "tools": Struct("Tools", {"tools": Many(_TOOL)})},
        ),
    }
    return Struct("BidiGenerateContentClientMessage", fields, one_of=frozenset(fields))


BETA_MESSAGE: Final = _client_message(alpha=False)
ALPHA_MESSAGE: Final = _client_message(alpha=True)
