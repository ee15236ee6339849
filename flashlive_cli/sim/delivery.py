"""A reply cut into the chunks it travels in. Pure: times are seconds of sound, and nobody waits here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.sim.voice import Speech

CHUNK_MS: Final = 200
LEAD_S: Final = 0.6
"""How far the transcript runs ahead of the sound: 0.24-3 s were measured."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    One message of a reply.

    Attributes:
        at_s: seconds of sound before it.
        pcm: mono s16le at 24 kHz.
        text: the piece of transcript that goes with it, spaces included; empty for none.
    """

    at_s: float
    pcm: bytes
    text: str


def chunks(speech: Speech, text: str, *, tiny_first: bool, chunk_ms: float = CHUNK_MS) -> Iterator[Chunk]:
    """
    A speech and its transcript in chunks, in order, each sounded when it is asked for.

    Args:
        speech: what is heard; may be empty, and then the transcript travels alone.
        text: its transcript; empty for none.
        tiny_first: begin with a single sample, as the service sometimes does.
        chunk_ms: length of the others; at least one sample.
    """
    pieces = _pieces(text)
    length_s = speech.n_frames / WIRE_OUT.rate_hz
    taken = start = 0
    usual = max(1, WIRE_OUT.frames_of_ms(chunk_ms))
    size = 1 if tiny_first else usual
    while start < speech.n_frames or (start == 0 and pieces):
        n_frames = min(size, speech.n_frames - start)
        end_s = (start + n_frames) / WIRE_OUT.rate_hz
        last = start + n_frames >= speech.n_frames
        text_due = len(text) if last else len(text) * (end_s + LEAD_S) / length_s
        due = ""
        while pieces and taken < text_due:
            taken += len(pieces[0])
            due += pieces.pop(0)
        yield Chunk(start / WIRE_OUT.rate_hz, speech.chunk(start, n_frames), due)
        start += n_frames
        size = usual
        if last:
            return


def _pieces(text: str) -> list[str]:
    """A word or two each, with the space before them: joined they are the text again."""
    return re.findall(r"\s*\S+(?:\s+\S{1,3}(?!\S))?|\s+$", text)
