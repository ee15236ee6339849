"""
Hold the simulator against recordings of the real service.

    python benchmarks/recordings.py FOLDER [--speed 20] [--verbose]

FOLDER has `*.jsonl` files of one JSON object a line: `{"dir": "client" or "server", "frame": {…}, "at": seconds}`, or
`{"_note": "…"}`; `at` may be absent. For each file the simulator is started in the recorded model's profile, with a
script that has it hear, call and say what was recorded, and is given the same client frames in the same places of the
conversation, and not before their times. Then the kinds of server messages are compared in order, runs of a reply's
audio and transcript merged and empty messages apart, and so are the shapes: which fields travel together.

Recordings carry no sound: speech is made up, where the recorded offsets put it. Where a note says that frames were
left out, they are supplied (a setup, a spoken turn), which the report tells, and any kinds may stand in their place.
Exits with 1 where the order of kinds differs.
"""

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import ClientConnection, connect  # noqa: TID251 - the other end of the simulator
from websockets.exceptions import ConnectionClosed  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.sim.script import Script, ScriptedCall, ScriptedTurn
from flashlive_cli.sim.server import serve

ANY: Final = "…"
PATIENCE_S: Final = 60.0
"""Conversation seconds before a client frame is sent although the simulator has not come so far."""
SILENCE_S: Final = 1.3
MODELS: Final = (
    (r"^2\.5", "models/gemini-2.5-flash-native-audio-latest"),
    (r"^3\.1", "models/gemini-3.1-flash-live-preview"),
    (r"^3\.8-live-ext", "models/gemini-3.8-live-extended-thinking"),
    (r"^3\.8", "models/gemini-3.8-live"),
)

Frame = dict[str, Any]


def kinds_of(frame: Frame) -> Iterator[str]:
    """What a server message is; nothing for an empty one."""
    for key, value in frame.items():
        if key == "voiceActivity":
            yield value["type"]
        elif key == "serverContent":
            for name, child in value.items():
                if name == "modelTurn":
                    yield "thought" if any(part.get("thought") for part in child["parts"]) else "reply"
                elif name == "outputTranscription":
                    yield "reply"
                else:
                    yield name
        elif key != "usageMetadata":
            yield key


def add_kinds(kinds: list[str], frame: Frame) -> None:
    """Add a message to the list of kinds: runs once, and no stale audio between `interrupted` and the turn's end."""
    for kind in kinds_of(frame):
        stale = kind == "reply" and kinds and kinds[-1] == "interrupted"
        if not stale and (not kinds or kinds[-1] != kind or kind not in ("reply", "inputTranscription")):
            kinds.append(kind)


def shape_of(frame: Frame) -> str:
    """The fields of a message, without its values."""
    content = frame.get("serverContent")
    names = []
    if content is not None:
        inner = []
        for name, value in content.items():
            role = "(role)" if name == "modelTurn" and "role" in value else ""
            inner.append(name + role)
        names.append(f"serverContent{{{', '.join(sorted(inner))}}}")
    names += sorted(name for name in frame if name != "serverContent")
    return " + ".join(names) or "{}"


def matches(pattern: Sequence[str], kinds: Sequence[str]) -> bool:
    """The kinds are those of the pattern, in which ANY stands for any number of kinds."""
    if not pattern:
        return not kinds
    if pattern[0] == ANY:
        return any(matches(pattern[1:], kinds[i:]) for i in range(len(kinds) + 1))
    return bool(kinds) and kinds[0] == pattern[0] and matches(pattern[1:], kinds[1:])


@dataclass
class Act:
    """
    One thing the client does.

    Attributes:
        after: the kinds recorded before it.
        at_s: when, or 0 where no time was kept.
        frame: what is sent; None for a spoken turn.
        sound: PCM of a spoken turn, s16le at 16 kHz.
    """

    after: list[str]
    at_s: float
    frame: Frame | None = None
    sound: bytes = b""


@dataclass
class Recording:
    """A recording as something to be played against the simulator."""

    setup: Frame = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    shapes: set[str] = field(default_factory=set)
    turns: list[ScriptedTurn] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


class Reader:
    """Reads one file: works out what the user did, also where those frames were left out."""

    def __init__(self, path: Path) -> None:
        self.lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        self.read = Recording()
        self.manual = False
        self._waiting = False  # the user did something that is not answered yet
        self._replying = False
        self._texts: list[list[str]] = []
        self._name = path.name

    def recording(self) -> Recording:
        """The file as a recording."""
        served = [line["frame"] for line in self.lines if line.get("dir") == "server"]
        told = [kind for frame in served for kind in kinds_of(frame)]
        threes = not self._name.startswith("2.5")
        self.manual = threes and "inputTranscription" in told and "ACTIVITY_START" not in told
        self._find_setup(served)
        for i, line in enumerate(self.lines):
            if line.get("dir") == "client":
                self._client(line, i)
            elif line.get("dir") == "server":
                self._server(line["frame"], i)
            elif "left out" in line["_note"]:
                self.read.kinds.append(ANY)
        self.read.turns = [
            ScriptedTurn(turn.heard, "".join(texts).strip() or None, turn.calls)
            for turn, texts in zip(self.read.turns, self._texts, strict=True)
        ]
        return self.read

    def _find_setup(self, served: list[Frame]) -> None:
        found = next((line["frame"]["setup"] for line in self.lines if "setup" in line.get("frame", {})), None)
        if found is None:
            model = next(model for pattern, model in MODELS if re.match(pattern, self._name))
            found = {"model": model, "inputAudioTranscription": {}, "outputAudioTranscription": {}}
            declared = {
                call["name"]: {"name": call["name"], "parameters": _schema_of(call.get("args", {}))}
                for frame in served
                for call in frame.get("toolCall", {}).get("functionCalls", ())
            }
            if declared:
                found["tools"] = [{"functionDeclarations": list(declared.values())}]
            self.read.assumed.append("a setup")
        if self.manual:
            found["realtimeInputConfig"] = {"automaticActivityDetection": {"disabled": True}}
            self.read.assumed.append("manual activity, there being no voiceActivity")
        self.read.setup = found

    def _client(self, line: Frame, i: int) -> None:
        frame, at_s = line["frame"], line.get("at", 0.0)
        if "setup" in frame:
            return
        content = frame.get("clientContent") or frame.get("client_content")
        realtime = frame.get("realtimeInput") or frame.get("realtime_input") or {}
        if "audio" in realtime:
            before = self.lines[i - 1].get("frame", {})
            if "audio" not in (before.get("realtimeInput") or before.get("realtime_input") or {}):
                self._speak(i, at_s)
            return
        if (content and (content.get("turnComplete") or content.get("turn_complete"))) or "text" in realtime:
            self._turn()
        if "tool_response" in frame or "toolResponse" in frame:
            self._waiting = True
        self.read.acts.append(Act(list(self.read.kinds), at_s, frame))

    def _turn(self) -> None:
        self._waiting = True
        self.read.turns.append(ScriptedTurn())
        self._texts.append([])

    def _speak(self, i: int, at_s: float = 0.0) -> None:
        """The user speaks here; for how long, the recorded offsets tell."""
        offsets = {
            line["frame"]["voiceActivity"]["type"]: float(line["frame"]["voiceActivity"]["audioOffset"].rstrip("s"))
            for line in reversed(self.lines[i:])
            if "voiceActivity" in line.get("frame", {})
        }
        quiet_s = offsets.get("ACTIVITY_START", 0.1)
        speech_s = max(0.5, offsets.get("ACTIVITY_END", quiet_s + 2.2) - quiet_s - 1.2)
        self._turn()
        self.read.acts.append(Act(list(self.read.kinds), at_s, sound=speech(quiet_s, speech_s)))

    def _server(self, frame: Frame, i: int) -> None:
        read = self.read
        for kind in kinds_of(frame):
            begins = kind in ("reply", "thought", "toolCall") and not self._replying
            heard = kind in ("ACTIVITY_START", "inputTranscription")
            if not self._waiting and (begins or heard or kind == "interrupted"):
                read.assumed.append(f"a spoken turn before {kind}")
                self._speak(i)
            if begins:
                self._replying, self._waiting = True, False
            elif kind == "turnComplete":
                self._replying = False
        add_kinds(read.kinds, frame)
        read.shapes.add(shape_of(frame))
        content = frame.get("serverContent", {})
        if "inputTranscription" in content and read.turns:
            turn = read.turns[-1]
            heard_text = (turn.heard or "") + content["inputTranscription"]["text"]
            read.turns[-1] = ScriptedTurn(heard_text, None, turn.calls)
        if "toolCall" in frame and read.turns:
            calls = tuple(ScriptedCall(c["name"], c.get("args", {})) for c in frame["toolCall"]["functionCalls"])
            read.turns[-1] = ScriptedTurn(read.turns[-1].heard, None, read.turns[-1].calls + calls)
        if "outputTranscription" in content and self._texts:
            self._texts[-1].append(content["outputTranscription"]["text"])


def _schema_of(args: Frame) -> Frame:
    names = {bool: "BOOLEAN", int: "INTEGER", float: "NUMBER", list: "ARRAY", dict: "OBJECT"}
    return {"type": "OBJECT", "properties": {key: {"type": names.get(type(v), "STRING")} for key, v in args.items()}}


def speech(quiet_s: float, speech_s: float) -> bytes:
    """Silence, noise in syllables, and as much silence as ends a turn: s16le at 16 kHz."""
    at = np.arange(round(speech_s * 16_000))
    noise = np.random.default_rng(7).normal(0, 3000, len(at)) * ((at / 16_000 % 0.18) < 0.12)
    spoken = noise.clip(-32768, 32767).astype("<i2").tobytes()
    return bytes(2 * round(quiet_s * 16_000)) + spoken + bytes(2 * round(SILENCE_S * 16_000))


@dataclass
class Run:
    """The simulator's side of one recording, as it comes."""

    kinds: list[str] = field(default_factory=list)
    shapes: set[str] = field(default_factory=set)
    call_ids: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, socket: ClientConnection) -> None:
        """Take in messages until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            async for raw in socket:
                frame = json.loads(raw)
                add_kinds(self.kinds, frame)
                self.shapes.add(shape_of(frame))
                self.call_ids += [call["id"] for call in frame.get("toolCall", {}).get("functionCalls", ())]
                self.news.set()

    async def reaches(self, pattern: Sequence[str], patience_s: float) -> bool:
        """Wait until the kinds so far match; False when they do not in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not matches(pattern, self.kinds):
                    self.news.clear()
                    await self.news.wait()
        return matches(pattern, self.kinds)


async def play(recording: Recording, speed: float) -> Run:
    """Give the simulator the recorded client's frames, and return what it answered."""
    clock, run = Clock(speed), Run()
    async with (
        serve(clock=clock, script=Script(tuple(recording.turns))) as server,
        connect(server.url, max_size=2**24, compression=None) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(run.listen(socket))
        began = clock.now()
        await socket.send(json.dumps({"setup": recording.setup}))
        recorded_ids: list[str] = []
        for act in recording.acts:
            await run.reaches(act.after, clock.real(PATIENCE_S))
            await clock.sleep_until(began + act.at_s)
            for frame in frames_of(act, recording.setup):
                await socket.send(json.dumps(renamed(frame, recorded_ids, run.call_ids)))
        await run.reaches(recording.kinds, clock.real(PATIENCE_S))
        await clock.sleep(1)  # for what comes too much
        await socket.close()
    return run


def frames_of(act: Act, setup: Frame) -> Iterator[Frame]:
    """The messages of an act; sound in 100 ms each, as recorded."""
    if act.frame is not None:
        yield act.frame
        return
    manual = "realtimeInputConfig" in setup
    if manual:
        yield {"realtimeInput": {"activityStart": {}}}
    for start in range(0, len(act.sound), 3200):
        data = base64.b64encode(act.sound[start : start + 3200]).decode("ascii")
        yield {"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}}
    if manual:
        yield {"realtimeInput": {"activityEnd": {}}}


def renamed(frame: Frame, recorded: list[str], simulated: list[str]) -> Frame:
    """A tool response with the simulator's call ids in place of the recorded ones, in order of their appearance."""
    responses = (frame.get("toolResponse") or frame.get("tool_response") or {}).get("functionResponses", ())
    for response in responses:
        if response["id"] not in recorded:
            recorded.append(response["id"])
    ids = dict(itertools.zip_longest(recorded, simulated[: len(recorded)]))
    renewed = [response | {"id": ids[response["id"]] or response["id"]} for response in responses]
    return {"toolResponse": {"functionResponses": renewed}} if responses else frame


def report(name: str, recording: Recording, run: Run, *, verbose: bool) -> bool:
    """Print what was found; True where the kinds are the same."""
    same = matches(recording.kinds, run.kinds)
    print(f"{'same  ' if same else 'DIFFER'}  {name}")
    for assumed in recording.assumed:
        print(f"        supplied: {assumed}")
    if verbose or not same:
        print(f"        recorded:  {' '.join(recording.kinds)}")
        print(f"        simulated: {' '.join(run.kinds)}")
    for title, shapes in (("recorded", recording.shapes - run.shapes), ("simulated", run.shapes - recording.shapes)):
        if shapes:
            print(f"        shapes only {title}: {'; '.join(sorted(shapes))}")
    return same


def main() -> int:
    """Play every recording of a folder."""
    parser = argparse.ArgumentParser(description="Hold the simulator against recordings of the real service.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speed", type=float, default=20, help="times faster than real time (default 20)")
    parser.add_argument("--verbose", action="store_true", help="print the kinds also where they are the same")
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.jsonl"))
    if not paths:
        print(f"no recordings in {options.folder}", file=sys.stderr)
        return 2
    same = []
    for path in paths:
        recording = Reader(path).recording()
        run = asyncio.run(play(recording, options.speed))
        same.append(report(path.name, recording, run, verbose=options.verbose))
    print(f"{sum(same)} of {len(same)} are the same")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
