"""Commands -> client JSON, in camelCase, without what was not set."""

import binascii
from typing import Any, Final

import msgspec

from flashlive_cli.pcm import WIRE_IN
from flashlive_cli.protocol import commands as c

_encoder: Final = msgspec.json.Encoder()


def encode(command: c.Command) -> str:
    """
    Write one client message: the JSON of one text WebSocket message, with exactly one top-level key.

    The wire wants a `Setup` that fits its model: see `families.shape`.
    """
    body: dict[str, Any]
    match command:
        case c.SendAudio(pcm):
            # fifty a second: spelled by hand, this costs 1 us instead of 6
            data = binascii.b2a_base64(pcm, newline=False).decode("ascii")
            mime = f"audio/pcm;rate={WIRE_IN.rate_hz}"
            return f'{{"realtimeInput":{{"audio":{{"data":"{data}","mimeType":"{mime}"}}}}}}'
        case c.SendVideo(image, mime_type):
            body = {"realtimeInput": {"video": _blob(image, mime_type)}}
        case c.SendText(text):
            body = {"realtimeInput": {"text": text}}
        case c.StartActivity():
            body = {"realtimeInput": {"activityStart": {}}}
        case c.EndActivity():
            body = {"realtimeInput": {"activityEnd": {}}}
        case c.EndAudioStream():
            body = {"realtimeInput": {"audioStreamEnd": True}}
        case c.SendContent(turns, turn_complete):
            told = {"turns": [_content(turn) for turn in turns]} if turns else {}
            body = {"clientContent": {**told, "turnComplete": turn_complete}}
        case c.AnswerTools(answers):
            body = {"toolResponse": {"functionResponses": [_answer(answer) for answer in answers]}}
        case c.UpdateContext():
            body = {"contextUpdate": _context(command)}
        case c.Setup():
            body = {"setup": _setup(command)}
    return _encoder.encode(body).decode()


def _blob(payload: bytes, mime_type: str) -> dict[str, str]:
    return {"data": binascii.b2a_base64(payload, newline=False).decode("ascii"), "mimeType": mime_type}


def _content(turn: c.Content) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"inlineData": _blob(image, mime)} for image, mime in turn.images]
    if turn.text or not parts:
        parts.append({"text": turn.text})
    return {"role": turn.role, "parts": parts}


def _answer(answer: c.ToolAnswer) -> dict[str, Any]:
    # scheduling is a sibling of response: inside it, where one page shows it, the model merely reads it
    return {"id": answer.id, "name": answer.name, "response": dict(answer.response)} | _given(
        scheduling=answer.scheduling, willContinue=answer.will_continue or None
    )


def _declaration(function: c.FunctionDeclaration) -> dict[str, Any]:
    return {"name": function.name} | _given(
        description=function.description or None,
        parameters=dict(function.parameters) if function.parameters else None,
        behavior=function.behavior,
    )


def _context(update: c.UpdateContext) -> dict[str, Any]:
    functions = update.functions
    declared = None if functions is None else [{"functionDeclarations": [_declaration(f) for f in functions]}]
    return _given(
        systemInstruction=None if update.system is None else {"parts": [{"text": update.system}]},
        tools=None if declared is None else {"tools": declared if functions else []},
    )


def _setup(setup: c.Setup) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    if setup.functions:
        tools.append({"functionDeclarations": [_declaration(function) for function in setup.functions]})
    if setup.google_search:
        tools.append({"googleSearch": {}})
    resumption = _given(handle=setup.handle) if setup.resumable or setup.handle else None
    transcription = _given(languageCodes=list(setup.language_codes) or None)
    return {"model": setup.model, "generationConfig": _generation(setup)} | _given(
        systemInstruction={"parts": [{"text": setup.system}]} if setup.system else None,
        tools=tools or None,
        realtimeInputConfig=_realtime_input(setup.detection) or None,
        inputAudioTranscription=transcription if setup.transcribe_input else None,
        outputAudioTranscription=transcription if setup.transcribe_output else None,
        contextWindowCompression={"slidingWindow": {}} if setup.compress_context else None,
        sessionResumption=resumption,
        historyConfig={"initialHistoryInClientContent": True} if setup.seeds_history else None,
        proactivity={"proactiveAudio": True} if setup.proactive_audio else None,
        labels=dict(setup.labels) or None,
    )


def _generation(setup: c.Setup) -> dict[str, Any]:
    sampling = setup.sampling
    thinking = _given(
        thinkingLevel=setup.thinking_level,
        thinkingBudget=setup.thinking_budget,
        includeThoughts=setup.include_thoughts or None,
    )
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": setup.voice}}}
    return {"responseModalities": ["AUDIO"]} | _given(
        temperature=sampling.temperature,
        topP=sampling.top_p,
        topK=sampling.top_k,
        seed=sampling.seed,
        maxOutputTokens=sampling.max_output_tokens,
        candidateCount=sampling.candidate_count,
        presencePenalty=sampling.presence_penalty,
        frequencyPenalty=sampling.frequency_penalty,
        mediaResolution=setup.media_resolution and f"MEDIA_RESOLUTION_{setup.media_resolution}",
        speechConfig=voice if setup.voice else None,
        thinkingConfig=thinking or None,
        enableAffectiveDialog=setup.affective_dialog or None,
    )


def _realtime_input(detection: c.Detection) -> dict[str, Any]:
    automatic = _given(
        disabled=detection.disabled or None,
        startOfSpeechSensitivity=detection.start_sensitivity and f"START_SENSITIVITY_{detection.start_sensitivity}",
        endOfSpeechSensitivity=detection.end_sensitivity and f"END_SENSITIVITY_{detection.end_sensitivity}",
        prefixPaddingMs=detection.prefix_ms,
        silenceDurationMs=detection.silence_ms,
    )
    return _given(
        automaticActivityDetection=automatic or None,
        activityHandling=None if detection.interrupts else "NO_INTERRUPTION",
        turnCoverage=detection.turn_coverage and f"TURN_INCLUDES_{detection.turn_coverage}",
    )


def _given(**fields: Any) -> dict[str, Any]:
    """Leave out what was not set: the service refuses some fields even when null."""
    return {name: value for name, value in fields.items() if value is not None}
