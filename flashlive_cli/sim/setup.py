"""
The judgement of `setup`: what a model family refuses, with the close codes and reasons of the service.

Reasons quoted by observers are used word for word (pydantic-ai's `realtime/google.py`, public probes of the 3.8
models in autumn 2026). Where nobody has seen one, the reason starts with the service's general "Request contains
an invalid argument." and says what is wrong, which the service does not.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flashlive_cli.sim.grammar import NOT_FOR_LIVE, SERVER_TOOLS
from flashlive_cli.sim.profile import VOICES, Profile, profile_of
from flashlive_cli.sim.schema import Refusal, invalid_argument

_FUNCTION_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_MAX_DECLARATIONS: Final = 512

DEFAULT_VOICE: Final = "Puck"
"""Google publishes no default; several pages use this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """
    One function the client declared.

    Attributes:
        name: as declared.
        parameters: its schema, the subset's or real JSON Schema; empty for no parameters.
        blocking: a call holds the turn until it is answered.
    """

    name: str
    parameters: Mapping[str, Any]
    blocking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """
    One accepted setup.

    Attributes:
        instruction: text of the system instruction.
        tools_json: the declarations as the model reads them, for counting tokens.
        automatic: the server detects speech; else the client marks activity.
        silence_ms, prefix_ms: as given; None leaves them to the server.
        eager_start, eager_end: the HIGH sensitivities, which are the default.
        interrupts: activity cuts a reply.
        all_audio: silence counts as input too (`TURN_INCLUDES_ALL_INPUT`).
        media_resolution: how closely pictures are looked at: `LOW`, `MEDIUM`, `HIGH`; empty where that was not said.
        all_stills: stills shown in silence belong to the next turn.
        transcribe_in, transcribe_out: asked for.
        include_thoughts: asked for.
        resumption: `sessionResumption` was sent.
        handle: of the session to take up again; empty for none.
        seeds_history: client content up to the first `turnComplete` is history.
    """

    model: str
    profile: Profile
    voice: str
    instruction: str
    tools: tuple[Tool, ...]
    tools_json: str
    automatic: bool
    silence_ms: int | None
    prefix_ms: int | None
    eager_start: bool
    eager_end: bool
    interrupts: bool
    all_audio: bool
    media_resolution: str
    all_stills: bool
    transcribe_in: bool
    transcribe_out: bool
    include_thoughts: bool
    resumption: bool
    handle: str
    seeds_history: bool


def judge_setup(setup: Mapping[str, Any], *, version: str) -> Setup:
    """
    Accept a setup that `grammar` has read, or raise `Refusal`.

    Args:
        setup: camelCase names, known types.
        version: of the API, as the path names it (`v1beta`).
    """
    model: str = setup.get("model", "")
    profile = profile_of(model)
    if profile is None:
        raise Refusal(
            1008,
            f"{model} is not found for API version {version}, or is not supported for bidiGenerateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
        )
    generation: Mapping[str, Any] = setup.get("generationConfig", {})
    _judge_generation(generation, model, profile)
    if not profile.alpha_extras and ("proactivity" in setup or "enableAffectiveDialog" in generation):
        raise invalid_argument("Proactivity and affective dialog are not settings of this model.")
    tools = judge_tools(setup.get("tools", ()), profile)
    realtime: Mapping[str, Any] = setup.get("realtimeInputConfig", {})
    detection: Mapping[str, Any] = realtime.get("automaticActivityDetection", {})
    coverage = realtime.get("turnCoverage", "TURN_COVERAGE_UNSPECIFIED")
    speech: Mapping[str, Any] = generation.get("speechConfig", {})
    return Setup(
        model=model,
        profile=profile,
        voice=_judge_voice(speech, model),
        instruction=text_of(setup.get("systemInstruction", {})),
        tools=tools,
        tools_json=json.dumps(setup.get("tools", ()), ensure_ascii=False),
        automatic=not detection.get("disabled", False),
        silence_ms=detection.get("silenceDurationMs"),
        prefix_ms=detection.get("prefixPaddingMs"),
        eager_start=detection.get("startOfSpeechSensitivity") != "START_SENSITIVITY_LOW",
        eager_end=detection.get("endOfSpeechSensitivity") != "END_SENSITIVITY_LOW",
        interrupts=realtime.get("activityHandling") != "NO_INTERRUPTION",
        all_audio=coverage == "TURN_INCLUDES_ALL_INPUT",
        media_resolution=generation.get("mediaResolution", "")
        .removeprefix("MEDIA_RESOLUTION_")
        .replace("UNSPECIFIED", ""),
        all_stills=coverage != "TURN_INCLUDES_ONLY_ACTIVITY"
        and (coverage != "TURN_COVERAGE_UNSPECIFIED" or profile.covers_stills),
        transcribe_in="inputAudioTranscription" in setup,
        transcribe_out="outputAudioTranscription" in setup,
        include_thoughts=generation.get("thinkingConfig", {}).get("includeThoughts", False),
        resumption="sessionResumption" in setup,
        handle=setup.get("sessionResumption", {}).get("handle", ""),
        seeds_history=setup.get("historyConfig", {}).get("initialHistoryInClientContent", False),
    )


def text_of(content: Mapping[str, Any]) -> str:
    """The text parts of one Content, joined."""
    return "\n".join(part["text"] for part in content.get("parts", ()) if "text" in part)


def _judge_generation(generation: Mapping[str, Any], model: str, profile: Profile) -> None:
    modalities: Sequence[str] = generation.get("responseModalities", ())
    if modalities and list(modalities) != ["AUDIO"]:
        raise Refusal(
            1007,
            f"The requested combination of response modalities ({', '.join(modalities)}) is not supported by "
            f"the model. {model} accepts AUDIO.",
        )
    for name in NOT_FOR_LIVE:
        if name in generation:
            raise invalid_argument(f"{name} is not supported in Live.")
    if "translationConfig" in generation:
        raise invalid_argument("Only translation models take translationConfig.")
    if not 0 <= generation.get("temperature", 1.0) <= 2:
        raise invalid_argument("temperature must be between 0 and 2.")
    _judge_thinking(generation.get("thinkingConfig", {}), profile)


def _judge_thinking(thinking: Mapping[str, Any], profile: Profile) -> None:
    level = thinking.get("thinkingLevel", "THINKING_LEVEL_UNSPECIFIED")
    if level == "THINKING_LEVEL_UNSPECIFIED":
        if profile.thinking_required:
            raise Refusal(1007, "Thinking level must be specified for this model.")
    elif not profile.thinking_levels:
        raise Refusal(1007, "Thinking level is not supported for this model.")
    elif level not in profile.thinking_levels:
        raise Refusal(1007, f"Thinking level {level} is not supported for this model.")
    # 0 was seen to be tolerated by 3.8
    if thinking.get("thinkingBudget", 0) != 0 and not profile.thinking_budget:
        raise invalid_argument("Thinking budget is not supported for this model.")


def _judge_voice(speech: Mapping[str, Any], model: str) -> str:
    if "multiSpeakerVoiceConfig" in speech:
        raise invalid_argument("Live speaks with one voice.")
    voice: Mapping[str, Any] = speech.get("voiceConfig", {})
    if "replicatedVoiceConfig" in voice:
        raise invalid_argument("Replicated voices are not available.")
    name: str = voice.get("prebuiltVoiceConfig", {}).get("voiceName", "")
    if name and name not in VOICES:
        raise Refusal(1007, f"Requested voice api_name '{name}' is not available for model {model}")
    return name or DEFAULT_VOICE


def judge_tools(tools: Sequence[Mapping[str, Any]], profile: Profile) -> tuple[Tool, ...]:
    """The functions declared in a list of tools, or `Refusal`."""
    judged: dict[str, Tool] = {}
    for i, tool in enumerate(tools):
        for name in SERVER_TOOLS:
            if name in tool and name not in profile.server_tools:
                raise invalid_argument(f"{name} is not supported by this model.")
        for j, declaration in enumerate(tool.get("functionDeclarations", ())):
            function = _judge_declaration(declaration, f"tools[{i}].function_declarations[{j}]", profile)
            if function.name in judged:
                raise Refusal(1007, f"Duplicate function declaration found: {function.name}")
            judged[function.name] = function
    if len(judged) > _MAX_DECLARATIONS:
        raise invalid_argument(f"At most {_MAX_DECLARATIONS} functions may be declared.")
    return tuple(judged.values())


def _judge_declaration(declaration: Mapping[str, Any], where: str, profile: Profile) -> Tool:
    name: str = declaration.get("name", "")
    if not _FUNCTION_NAME.fullmatch(name):
        raise invalid_argument(f"{where}.name: Invalid function name.")
    if "parameters" in declaration and "parametersJsonSchema" in declaration:
        raise invalid_argument(f"{where}: parameters and parameters_json_schema exclude each other.")
    behavior = declaration.get("behavior", "UNSPECIFIED")
    if behavior == "BLOCKING" and not profile.blocking:
        raise Refusal(1007, "BLOCKING function calls are not supported for this model")
    if behavior == "NON_BLOCKING" and not profile.non_blocking:
        raise Refusal(1007, "NON_BLOCKING function calls are not supported for this model")
    _judge_parameters(declaration.get("parameters", {}), where + ".parameters")
    parameters = declaration.get("parameters", declaration.get("parametersJsonSchema", {}))
    return Tool(
        name=name,
        parameters=parameters if isinstance(parameters, dict) else {},
        blocking=profile.blocks_by_default if behavior == "UNSPECIFIED" else behavior == "BLOCKING",
    )


def _judge_parameters(schema: Mapping[str, Any], where: str) -> None:
    """What protobuf's types let through and the service does not."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in properties:
            raise invalid_argument(f"{where}.required: property '{name}' is not defined.")
    if "enum" in schema and schema.get("type", "STRING") != "STRING":
        raise invalid_argument(f"{where}.enum: only allowed for STRING type.")
    for name, child in properties.items():
        _judge_parameters(child, f"{where}.properties[{name}]")
    if "items" in schema:
        _judge_parameters(schema["items"], where + ".items")
    for i, child in enumerate(schema.get("anyOf", ())):
        _judge_parameters(child, f"{where}.any_of[{i}]")
