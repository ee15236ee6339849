"""
Throw mutated client messages at the simulator.

    python benchmarks/fuzz_sim.py [--messages 100000] [--seed 1] [--wire]

Starts from messages that clients send, and mutates them by structure (values, names, shapes, pieces of one put into
another) and by bytes. Each goes to a conversation in progress; where it is refused, a new one begins, and the refusal
must have a close code and a reason of the service's. Nothing else may be raised, in the conversation or in the
replies it sets off, and all that is sent must be JSON. With `--wire` all of it travels over real WebSockets, which is
slower. Prints what happened; exits with 1 where something was raised, naming the message and the seed.
"""

import argparse
import asyncio
import base64
import copy
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import connect  # noqa: TID251 - the other end of the simulator
from websockets.exceptions import ConnectionClosed  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.sim.exchange import Exchange
from flashlive_cli.sim.faults import parse_faults
from flashlive_cli.sim.inbound import read_first, read_later
from flashlive_cli.sim.memory import Memory
from flashlive_cli.sim.outbound import Message, encode
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.server import serve
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup, judge_setup
from flashlive_cli.sim.voice import Voice

CODES: Final = frozenset({1007, 1008, 1011})
POLITE: Final = frozenset({1000, 1001, 1009})
"""Beside the others over a socket: our own goodbye, the server's end, and a message past the size that is taken."""
SPEED: Final = 2000.0
FAULTS: Final = parse_faults(
    "goaway-early, goaway-mid-answer, stall:seconds=1, phantom-interrupt, late-transcript, transcript-without-audio,"
    "merged-fields, many-parts, unknown-fields, tiny-chunks:ms=40, slow-audio, jitter, duplicate-call,"
    "no-context-update"
)
"""Those that neither end a conversation nor send what is no JSON; some conversations have some of them."""
LONGEST: Final = 60
"""Messages of one conversation."""

MODELS: Final = (
    "models/gemini-3.1-flash-live-preview",
    "models/gemini-3.8-live",
    "models/gemini-3.8-live-extended-thinking",
    "models/gemini-2.5-flash-native-audio-latest",
)
_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAIAAAA7ljmRAAAAEElEQVR42mM4ISICRww4OQDj9wtBNslvOAAAAABJRU5ErkJggg=="
_PCM: Final = base64.b64encode(bytes(range(256)) * 5).decode()
_TOOL: Final = {
    "name": "get_weather",
    "description": "Current weather.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 1}},
        "required": ["city"],
    },
}


def setup_of(model: str, *, manual: bool = False) -> dict[str, Any]:
    """A setup with most of what one can have."""
    generation: dict[str, Any] = {
        "responseModalities": ["AUDIO"],
        "temperature": 0.8,
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    if "thinking" in model:
        generation["thinkingConfig"] = {"thinkingLevel": "LOW"}
    return {
        "setup": {
            "model": model,
            "generationConfig": generation,
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [copy.deepcopy(_TOOL)]}, {"googleSearch": {}}],
            "realtimeInputConfig": {"automaticActivityDetection": {"disabled": manual, "silenceDurationMs": 500}},
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "contextWindowCompression": {"triggerTokens": "104857", "slidingWindow": {}},
            "sessionResumption": {},
        }
    }


LATER: Final[tuple[dict[str, Any], ...]] = (
    {"realtimeInput": {"audio": {"data": _PCM, "mimeType": "audio/pcm;rate=16000"}}},
    {"realtime_input": {"audio": {"data": _PCM, "mime_type": "audio/pcm;rate=48000"}}},
    {"realtimeInput": {"video": {"data": _PNG, "mimeType": "image/png"}}},
    {"realtimeInput": {"text": "What is the weather in Rome?"}},
    {"realtimeInput": {"activityStart": {}}},
    {"realtimeInput": {"activityEnd": {}}},
    {"realtimeInput": {"audioStreamEnd": True}},
    {"realtimeInput": {"mediaChunks": [{"data": _PCM, "mimeType": "audio/pcm"}]}},
    {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True}},
    {"client_content": {"turns": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}]}},
    {"clientContent": {"turnComplete": True}},
    {
        "toolResponse": {
            "functionResponses": [
                {"id": "call_1", "name": "get_weather", "response": {"output": "fog"}, "scheduling": "WHEN_IDLE"}
            ]
        }
    },
    {"contextUpdate": {"systemInstruction": {"parts": [{"text": "Be formal."}]}, "tools": {"tools": []}}},
    setup_of(MODELS[0]),
)

_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 1e308, -0.0, 0.5, "", "x", "\x00", "\ud800", "🙂" * 50,
    "A" * 5000, "AAA=", "AA", "audio/pcm;rate=", "audio/pcm;rate=999999", "image/png", "user", "function", "LOW",
    "INTERRUPT", "50s", [], [[]], [None], {}, {"": {}}, {"a": {"b": {}}}, "{}", "models/gemini-3.8-live", [1] * 300,
)  # fmt: skip

_MISSPELLINGS: Final[tuple[Callable[[str], str], ...]] = (
    str.upper,
    str.lower,
    str.title,
    lambda key: key + "_",
    lambda key: key[:-1],
    lambda key: "".join(reversed(key)),
    lambda key: "".join("_" + char.lower() if char.isupper() else char for char in key),
)


class Mutator:
    """Makes client messages that nobody should send; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same each time is the point

    def setup(self) -> dict[str, Any]:
        """A good setup."""
        return setup_of(self.chance.choice(MODELS), manual=self.chance.random() < 0.4)

    def message(self, call_ids: list[str]) -> bytes:
        """One mutated message; `call_ids` are open, and sometimes answered."""
        value = copy.deepcopy(self.chance.choice(LATER))
        if call_ids and "toolResponse" in value:
            value["toolResponse"]["functionResponses"][0]["id"] = self.chance.choice(call_ids)
        for _ in range(self.chance.choice((0, 0, 0, 0, 0, 1, 1, 1, 2, 3))):
            value = self._structure(value)
        raw = json.dumps(value, allow_nan=True).encode("utf-8", "surrogatepass")
        return self._bytes(raw) if self.chance.random() < 0.15 else raw

    def mutated_setup(self) -> bytes:
        """A setup with something wrong in it, most of the time."""
        value: Any = self.setup()
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            value = self._structure(value)
        raw = json.dumps(value).encode()
        return self._bytes(raw) if self.chance.random() < 0.15 else raw

    def _structure(self, value: Any) -> Any:
        places = list(_places(value))
        if not places:
            return copy.deepcopy(self.chance.choice(_VALUES))
        holder, key = self.chance.choice(places)
        match self.chance.randrange(8):
            case 0 | 1:
                holder[key] = copy.deepcopy(self.chance.choice(_VALUES))
            case 2:
                del holder[key]
            case 3 if isinstance(holder, dict):
                holder[self._misspelled(key)] = holder.pop(key)
            case 4 if isinstance(holder, dict):
                holder[self.chance.choice(("foo", "setup", "text", "parts", "turn_complete", "id"))] = copy.deepcopy(
                    holder[key]
                )
            case 5:
                holder[key] = [copy.deepcopy(holder[key]) for _ in range(self.chance.choice((1, 2, 30)))]
            case 6:
                other = copy.deepcopy(self.chance.choice(LATER))
                donor, name = self.chance.choice(list(_places(other)))
                holder[key] = donor[name]
            case _:
                for _ in range(self.chance.choice((1, 10, 120))):
                    holder[key] = {"a": holder[key]} if self.chance.random() < 0.5 else [holder[key]]
        return value

    def _misspelled(self, key: str) -> str:
        return self.chance.choice(_MISSPELLINGS)(key)

    def _bytes(self, raw: bytes) -> bytes:
        broken = bytearray(raw)
        for _ in range(self.chance.choice((1, 1, 2, 8))):
            at = self.chance.randrange(len(broken) + 1)
            match self.chance.randrange(4):
                case 0:
                    broken[at:at] = self.chance.randbytes(self.chance.choice((1, 3)))
                case 1:
                    del broken[at:]
                case 2:
                    del broken[at : at + self.chance.choice((1, 5, 50))]
                case _:
                    broken[at : at + 1] = self.chance.choice((b'"', b"{", b"}", b"[", b"\\", b",", b"\xff", b"9"))
        return bytes(broken)


def _places(value: Any) -> Any:
    """Every (container, key) of a JSON value; the likes of `holder[key]`."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield value, key
            yield from _places(child)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield value, i
            yield from _places(child)


class Crash(Exception):
    """Something was raised that no client may cause."""


class _Over(Exception):
    """The conversation has ended as conversations do."""


class Tally:
    """What happened so far."""

    def __init__(self) -> None:
        self.messages = 0
        self.conversations = 0
        self.sent = 0
        self.closes: Counter[int] = Counter()
        self.last = b""

    def refused(self, code: int, reason: str) -> None:
        """Count a refusal, and raise `Crash` where the service has none like it."""
        self.closes[code] += 1
        if code not in CODES or not reason:
            raise Crash(f"closed with {code} {reason!r}")


async def converse(mutator: Mutator, tally: Tally, most: int, voice: Voice) -> None:
    """One conversation in this process: messages until one is refused, or there were enough of them."""
    clock = Clock(SPEED)
    memory = Memory(clock)
    call_ids: list[str] = []

    def send(message: Message) -> None:
        json.loads(encode(message))
        tally.sent += 1
        call_ids.extend(call["id"] for call in message.get("toolCall", {}).get("functionCalls", ()))

    def take(raw: bytes) -> bytes:
        tally.messages += 1
        tally.last = raw
        return raw

    tally.conversations += 1
    good = mutator.chance.random() < 0.9
    first = json.dumps(mutator.setup()).encode() if good else take(mutator.mutated_setup())
    try:
        version = mutator.chance.choice(("v1beta", "v1alpha"))
        setup: Setup = judge_setup(read_first(first, version=version), version=version)
        session = await memory.resume(setup) if setup.handle else Session(setup, None)
    except Refusal as refusal:
        tally.refused(refusal.code, refusal.reason)
        return
    try:
        async with asyncio.TaskGroup() as tasks:
            exchange = Exchange(
                setup,
                session,
                issue_handle=lambda: memory.issue(session, setup.model),
                clock=clock,
                voice=voice,
                send=send,
                tasks=tasks,
                note=lambda _: None,
                faults=mutator.chance.sample(FAULTS, mutator.chance.choice((0, 0, 1, 4))),
            )
            await exchange.open()
            try:
                for _ in range(min(most, LONGEST)):
                    for said in read_later(take(mutator.message(call_ids)), setup):
                        exchange.receive(said)
                    await asyncio.sleep(mutator.chance.choice((0, 0, 0.0002, 0.001)))
            except Refusal as refusal:
                tally.refused(refusal.code, refusal.reason)
            raise _Over  # noqa: TRY301 - a task group ends by an exception
    except* _Over:
        pass


async def converse_by_wire(url: str, mutator: Mutator, tally: Tally, most: int) -> None:
    """The same over a socket."""
    tally.conversations += 1
    async with connect(url, compression=None, max_size=2**24) as socket:
        try:
            await socket.send(json.dumps(mutator.setup()))
            for _ in range(min(most, LONGEST)):
                raw = mutator.message([])
                tally.messages += 1
                tally.last = raw
                await socket.send(raw)
                await (await socket.ping())  # or many more would be sent before a close is noticed
        except ConnectionClosed:
            pass
        await socket.close()
        code, reason = socket.close_code or 1006, socket.close_reason or ""
    if code in POLITE:
        tally.closes[code] += 1
    else:
        tally.refused(code, reason)


async def fuzz(n_messages: int, seed: int, *, wire: bool) -> Tally:
    """Send so many messages; `Tally.last` is the latest when something is raised."""
    mutator, tally, voice = Mutator(seed), Tally(), Voice(None)
    try:
        if wire:
            async with serve(clock=Clock(SPEED)) as server:
                while tally.messages < n_messages:
                    await converse_by_wire(server.url, mutator, tally, n_messages - tally.messages)
        else:
            while tally.messages < n_messages:
                await converse(mutator, tally, n_messages - tally.messages, voice)
    except BaseException:
        print(f"seed {seed}, message {tally.messages}: {tally.last[:2000]!r}", file=sys.stderr)
        raise
    return tally


def main() -> None:
    """Fuzz, and print what happened."""
    parser = argparse.ArgumentParser(description="Throw mutated client messages at the simulator.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wire", action="store_true", help="over real WebSockets")
    options = parser.parse_args()
    began = time.monotonic()
    tally = asyncio.run(fuzz(options.messages, options.seed, wire=options.wire))
    closes = ", ".join(f"{count} with {code}" for code, count in sorted(tally.closes.items()))
    print(
        f"{tally.messages} messages in {tally.conversations} conversations, "
        f"{f'{tally.sent} answers, ' if tally.sent else ''}no crash, "
        f"{time.monotonic() - began:.0f} s; closed: {closes}"
    )


if __name__ == "__main__":
    main()
