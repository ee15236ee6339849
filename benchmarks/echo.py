"""
Would the model interrupt itself? Minutes of reply in synthetic rooms, and the user speaking over some of it.

Each room returns what the speaker plays with the delay of its row: softly clipped, with a direct sound as strong as
all its reverberation (T60 0.3 s; half a metre away in a small room), 12 dB lower, in a microphone that hisses at
-65 dBFS. What `Echo` makes of that goes into the simulator's own ear, with the service's default sensitivity: a reply
in which it hears speech is one that the service would have cut. Then the same again with a user who says a sentence
over the longer replies, as loud in the microphone as the echo. All that is said is said by espeak-ng, or in tones
where it is not installed, which tell less: the canceller learns little from them.

No sound card and no clock: everything is faster than real time, and the same each time.

    python benchmarks/echo.py [--minutes 10] [--json]
"""

import argparse
import asyncio
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.echo import WARM_UP_S, Echo, reference_ring
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.pcm import CHUNK_MS, FULL_SCALE, WIRE_IN, WIRE_OUT
from flashlive_cli.sim.hearing import Ears, Sensitivity, SpeechStarted
from flashlive_cli.sim.voice import Voice

Mode = Literal["cancel", "half", "off"]
Samples = npt.NDArray[np.float64]

DELAYS_MS = (40, 80, 120)
MODES: tuple[Mode, ...] = ("cancel", "half", "off")
BLOCK_MS = 5
SPEECH_DBFS = -20
ECHO_DB = -12
HISS_DBFS = -65
T60_S = 0.3
HINT_SHORT_MS = 15
"""By so much a device's own word on its latency falls short: it knows nothing of the air."""

MODEL, USER = "Callirrhoe", "Puck"  # names that the simulator gives a high and a low voice
REPLIES = (
    "Your order left the warehouse on Tuesday morning.",
    "It should be with you by Friday at noon, unless the weather on the coast gets worse.",
    "Begin with onions: cook them slowly, in butter, until they are golden; then add stock, salt and patience.",
    "Paris is about three hundred and forty kilometres from London, and the train takes two hours and a quarter.",
    "Once upon a time there was a lighthouse keeper who counted ships, and wrote their names into a large book.",
    "Yes, of course.",
    "I have found four flights. The cheapest leaves at six in the morning and costs ninety-two euros.",
    "That depends on what you would like to do with it afterwards.",
)
INTERRUPTIONS = (
    "Wait, stop please, I meant something else.",
    "No, hold on a moment, can you tell me about tomorrow instead?",
    "Thank you, that is enough.",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """
    A reply, and the pause after it.

    Attributes:
        played: 24 kHz, whole chunks.
        heard: the microphone, 16 kHz, as many chunks.
        reply_s: length of the reply.
        user_s: when the user begins and ends to speak; None where nobody does.
    """

    played: bytes
    heard: bytes
    reply_s: float
    user_s: tuple[float, float] | None


class Room:
    """Makes scenes, the same each time and in each room."""

    def __init__(self, delay_ms: int, replies: list[Samples], interruptions: list[Samples]) -> None:
        self._rng = np.random.default_rng(1)
        self._delay_frames = WIRE_IN.frames_of_ms(delay_ms)
        self._replies = replies
        self._interruptions = interruptions
        n = round(T60_S * WIRE_IN.rate_hz)
        response = self._rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
        response[0] = math.sqrt(float(np.square(response[1:]).sum()))
        self._response = response / math.sqrt(float(np.square(response).sum())) * 10 ** (ECHO_DB / 20)

    def scenes(self, reply_s: float, *, interrupted: bool) -> Iterator[Scene]:
        """Yield scenes until there were so many seconds of reply; `interrupted` ones wherever they are long enough."""
        total_s = 0.0
        while total_s < reply_s:
            sentences = self._rng.choice(len(self._replies), self._rng.integers(1, 5))
            reply = np.concatenate([self._replies[i] for i in sentences])
            # long enough for the ear to note the end of speech, should it have heard any
            pause_s = self._rng.uniform(2, 5)
            n_chunks = math.ceil((reply.size / WIRE_OUT.rate_hz + pause_s) * 1000 / CHUNK_MS)
            played = np.zeros(n_chunks * WIRE_OUT.frames_of_ms(CHUNK_MS))
            played[: reply.size] = reply
            yield self._scene(played, reply.size / WIRE_OUT.rate_hz, interrupted=interrupted and total_s > WARM_UP_S)
            total_s += reply.size / WIRE_OUT.rate_hz

    def _scene(self, played: Samples, reply_s: float, *, interrupted: bool) -> Scene:
        loudspeaker = resampled(np.tanh(2 * played) / 2)
        heard = self._rng.standard_normal(loudspeaker.size) * 10 ** (HISS_DBFS / 20)
        echo = convolved(loudspeaker, self._response)[: loudspeaker.size - self._delay_frames]
        heard[self._delay_frames :] += echo
        user_s = None
        words = resampled(self._interruptions[self._rng.integers(len(self._interruptions))]) * 10 ** (ECHO_DB / 20)
        latest_s = reply_s - words.size / WIRE_IN.rate_hz
        if interrupted and latest_s > 1:
            begin = round(self._rng.uniform(0.5, latest_s) * WIRE_IN.rate_hz)
            heard[begin : begin + words.size] += words
            user_s = (begin / WIRE_IN.rate_hz, (begin + words.size) / WIRE_IN.rate_hz)
        return Scene(pcm_of(played), pcm_of(heard), reply_s, user_s)


@dataclass(slots=True)
class Outcome:
    """
    What became of a talk.

    Attributes:
        replies: how many there were without a user speaking.
        cut: in how many of them the server would have heard one.
        interruptions: sentences that the user said over a reply.
        through_after_s: for each of those that were heard, how long after their onset.
        cpu_s: spent in `Echo`.
        sound_s: length of all.
        before, after: energy of the echo, once learned.
    """

    replies: int = 0
    cut: int = 0
    interruptions: int = 0
    through_after_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    sound_s: float = 0.0
    before: float = 0.0
    after: float = 0.0

    @property
    def erle_db(self) -> float:
        """By how much the echo was lowered, hiss and all."""
        return 10 * math.log10((self.before + 1) / (self.after + 1))


def talk(scenes: Iterator[Scene], mode: Mode, delay_ms: int) -> Outcome:
    """Let the scenes pass through an `Echo` and into the ear."""
    outcome = Outcome()
    reference = reference_ring()
    hint_ms = delay_ms - HINT_SHORT_MS
    clean: Callable[[bytes], bytes] = bytes if mode == "off" else Echo(mode, reference, delay_ms=hint_ms)
    ears = Ears(Sensitivity())
    learned_s = 0.0
    block, step_in, step_out = (WIRE_OUT.bytes_of_ms(BLOCK_MS), *(f.bytes_of_ms(CHUNK_MS) for f in (WIRE_IN, WIRE_OUT)))
    for scene in scenes:
        onset_s, end_s = scene.user_s or (math.inf, math.inf)
        outcome.interruptions += scene.user_s is not None
        cut = through = False
        for n in range(len(scene.heard) // step_in):
            for at in range(n * step_out, (n + 1) * step_out, block):
                reference.write(scene.played[at : at + block])
            heard = scene.heard[n * step_in : (n + 1) * step_in]
            begun_s = time.thread_time()
            cleaned = clean(heard)
            outcome.cpu_s += time.thread_time() - begun_s
            now_s = (n + 1) * CHUNK_MS / 1000
            noticed = any(isinstance(event, SpeechStarted) for event in ears.feed(cleaned))
            if noticed and onset_s < now_s <= end_s + 0.2 and not through:
                outcome.through_after_s.append(now_s - onset_s)
                through = True
            cut |= noticed
            if scene.user_s is None and now_s < scene.reply_s and learned_s + now_s > WARM_UP_S:
                outcome.before += energy(heard)
                outcome.after += energy(cleaned)
        learned_s += scene.reply_s
        outcome.sound_s += len(scene.heard) / 2 / WIRE_IN.rate_hz
        if scene.user_s is None:
            outcome.replies += 1
            outcome.cut += cut
    return outcome


async def said(texts: tuple[str, ...], voice: str) -> list[Samples]:
    """Say the texts, all equally loud, without the silence around them; 24 kHz, full scale 1."""
    speaker = Voice.of_this_machine()
    sounds = []
    for text in texts:
        speech = await speaker.say(text, voice)
        samples = np.frombuffer(speech.chunk(0, speech.n_frames), "<i2") / FULL_SCALE
        loud = np.flatnonzero(np.abs(samples) > 0.003)
        samples = samples[loud[0] : loud[-1] + 1]
        level = math.sqrt(float(np.square(samples[np.abs(samples) > 0.003]).mean()))
        sounds.append(samples * 10 ** (SPEECH_DBFS / 20) / level)
    return sounds


def resampled(sound: Samples) -> Samples:
    """From 24 to 16 kHz."""
    resample = Resampler(WIRE_OUT.rate_hz, WIRE_IN.rate_hz)
    return np.concatenate((resample(sound.astype(np.float32)), resample.finish())).astype(np.float64)


def convolved(sound: Samples, response: Samples) -> Samples:
    """The sound in a room, as long as it was."""
    n = 1 << (sound.size + response.size - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(sound, n) * np.fft.rfft(response, n), n)[: sound.size]


def pcm_of(sound: Samples) -> bytes:
    """Return s16le."""
    return np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()


def energy(pcm: bytes) -> float:
    """Sum of squares."""
    return float(np.square(np.frombuffer(pcm, "<i2").astype(np.float64)).sum())


def run(minutes: float) -> list[dict[str, object]]:
    """Let every room and mode have its talks; return a row each."""
    replies, interruptions = asyncio.run(said(REPLIES, MODEL)), asyncio.run(said(INTERRUPTIONS, USER))
    rows: list[dict[str, object]] = []
    for delay_ms in DELAYS_MS:
        for mode in MODES:
            alone = talk(Room(delay_ms, replies, interruptions).scenes(60 * minutes, interrupted=False), mode, delay_ms)
            # without an Echo, the server hears speech in the echo itself: who interrupts is not to be told
            over = Outcome()
            if mode != "off":
                room = Room(delay_ms, replies, interruptions)
                over = talk(room.scenes(60 * minutes, interrupted=True), mode, delay_ms)
            after_ms = [round(1000 * after_s) for after_s in over.through_after_s]
            rows.append(
                {
                    "delay_ms": delay_ms,
                    "mode": mode,
                    "replies": alone.replies,
                    "false_barge_ins": alone.cut,
                    "erle_db": round(alone.erle_db, 1) if mode == "cancel" else None,
                    "barge_ins": over.interruptions,
                    "barge_ins_heard": len(after_ms),
                    "median_after_ms": round(statistics.median(after_ms)) if after_ms else None,
                    "worst_after_ms": max(after_ms, default=None),
                    "cpu_ms_per_s": round(1000 * alone.cpu_s / alone.sound_s, 1),
                }
            )
    return rows


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--minutes", type=float, default=10, help="of reply, in each room and mode")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = run(options.minutes)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'room ms':>7}  {'mode':8}{'false barge-ins':>16}{'ERLE dB':>9}  {'barge-ins heard':22}{'CPU ms/s':>9}")
    for row in rows:
        false = f"{row['false_barge_ins']} of {row['replies']}"
        heard = "-"
        if row["barge_ins"]:
            heard = f"{row['barge_ins_heard']} of {row['barge_ins']}"
        if row["median_after_ms"]:
            heard += f", {row['median_after_ms']}-{row['worst_after_ms']} ms"
        erle = "-" if row["erle_db"] is None else row["erle_db"]
        print(f"{row['delay_ms']:>7}  {row['mode']:8}{false:>16}{erle:>9}  {heard:22}{row['cpu_ms_per_s']:>9}")


if __name__ == "__main__":
    main()
