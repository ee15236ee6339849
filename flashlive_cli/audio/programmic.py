"""
A microphone that is a program of the user's: for SSH, containers and systems without PortAudio.

    arecord -> pipe -> thread -> [capture ring] -> `ProgramMicrophone.read` in the sender task

The sound is bare 16 kHz mono s16le.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from flashlive_cli.audio.childprogram import CATCH_UP_S, CHECK_S, Program
from flashlive_cli.audio.ear import Ear, Eared
from flashlive_cli.audio.lateness import LATEST_MS
from flashlive_cli.audio.pace import Pace
from flashlive_cli.audio.ring import Ring
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import CHUNK_BYTES, CHUNK_S, SILENT_CHUNK, WIRE_IN
from flashlive_cli.printable import printable

BLOCK_BYTES: Final = 4096
"""At most so much is taken from a live microphone's pipe at once; of others a chunk."""

MUTE_CHECKS: Final = 10
"""A microphone that gave not a byte in so many is told of."""

_LAST_SILENCE_S: Final = 1.0
"""The ear hears so much of the silence after a microphone's end: utterances end, and no muted device is suspected."""


class ProgramMicrophone(Eared):
    """
    A program that gives 16 kHz mono s16le on its standard output, heard in 20 ms chunks as they come.

    It is heard as it is spoken: what comes faster waits in the pipe (see `pace`), and who reads late loses what is
    older than 300 ms. Silence follows where it ends with exit code 0; any other end is one of the talk, by `lost`.

    Belongs to the event loop it was made in; `read` to one task of it. The threads are called
    `flashlive-program-ears` and `flashlive-program-stderr`.

    Attributes:
        ear: what the sound tells; it gets every chunk.
        lost_ms: milliseconds of sound that were not read in time, as of the latest `read`.
        name: the command, printable.
        pcm: what the program is to give.
        latency_s: what the pipe holds, which is nothing: it is emptied at once. The program's own buffer is unknown.
    """

    def __init__(
        self,
        clock: Clock,
        command: str,
        ear: Ear,
        *,
        lost: Callable[[DeviceError], None],
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """
        Start the program; `close` must be called.

        Args:
            clock: times what is heard; in real time.
            command: program and options; no shell reads it.
            ear: gets every chunk, but for most of the silence after the program's end.
            lost: called once, in the loop's thread, if the program fails or its sound ends before `close`.
            on_trouble: told once each, in the loop's thread and in words for the user, that the program gives nothing,
                and that it has ended.

        Raises:
            ConfigError: the command is empty, or its quotes do not match.
            DeviceError: the program cannot be started.
        """
        self.ear = ear
        self.lost_ms = 0.0
        self.name = printable(command)
        self.pcm = WIRE_IN
        self.latency_s = 0.0
        self._clock = clock
        self._ring = Ring(WIRE_IN.frames_of_ms(LATEST_MS), overwrite=True)
        self._arrived = asyncio.Event()
        self._bell_rung = False  # one at a time: a program may be much faster than the loop
        self._pace = Pace()  # the thread's, while there is one
        self._on_trouble = on_trouble
        self._n_reads = 0
        self._silence_s: float | None = None  # clock time of the next silent chunk, once the program has ended
        self._last_silence_s = 0.0
        self._program = Program(command, speaker=False, lost=lost, ended=self._on_ended)
        self._program.start(self._capture, "flashlive-program-ears")
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._watch, 0, 0)

    def _capture(self) -> None:
        """Take what comes, in a thread. A read may end within a sample: its first byte waits for the second."""
        block = memoryview(bytearray(BLOCK_BYTES))
        program, pace, now = self._program, self._pace, self._clock.source
        n_torn = 0
        while not program.closing.wait(pace.wait_s(now())):
            n_read = program.pipe.readinto(block[n_torn : None if pace.live else CHUNK_BYTES])
            if not n_read or program.closing.is_set():
                return
            self._n_reads += 1
            n_bytes = n_torn + n_read
            n_torn = n_bytes % WIRE_IN.frame_bytes
            pace.take(WIRE_IN.seconds_in(n_bytes), now())
            self._ring.write(block[: n_bytes - n_torn])
            block[:n_torn] = block[n_bytes - n_torn : n_bytes]
            if self._has_chunk() and not self._bell_rung:
                self._bell_rung = True
                program.ring(self._on_arrived)

    async def read(self) -> bytes:
        """Wait for the next chunk; once the program is lost, for ever."""
        while not self._has_chunk() and self._silence_s is None:
            self._arrived.clear()
            await self._arrived.wait()
        chunk = self._ring.read(WIRE_IN.frames_in(CHUNK_BYTES)) or await self._silence()
        chunk = chunk.ljust(CHUNK_BYTES, b"\0")  # the last of a program that has ended
        if self._last_silence_s < _LAST_SILENCE_S:
            self.ear(chunk, chunk, self._clock.now())
        self.lost_ms = WIRE_IN.ms_of(self._ring.overrun_frames)
        return chunk

    async def _silence(self) -> bytes:
        """Wait for the next silent chunk's time, after the program's end."""
        assert self._silence_s is not None, "read waits for it"
        await self._clock.sleep_until(self._silence_s)
        self._silence_s = max(self._silence_s + CHUNK_S, self._clock.now() - CATCH_UP_S)
        self._last_silence_s += CHUNK_S
        return SILENT_CHUNK

    async def close(self) -> None:
        """End the program; it is gone afterwards, within 2 s."""
        self._check.cancel()
        await self._program.close()

    def _watch(self, n_reads_before: int, n_still: int) -> None:
        """Look every now and then whether sound still comes."""
        n_still = n_still + 1 if self._n_reads == n_reads_before else 0
        if self._program.closing.is_set():
            return
        if n_still == MUTE_CHECKS:
            seconds = MUTE_CHECKS * CHECK_S
            self._tell(f"no sound from {self._program.name} for {seconds:g} s: is it waiting for something, or frozen?")
            return
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._watch, self._n_reads, n_still)

    def _tell(self, words: str) -> None:
        if self._on_trouble is not None:
            self._on_trouble(words)

    def _on_ended(self) -> None:
        self._silence_s = self._clock.now() + self._pace.ahead_s(self._clock.source())
        self._arrived.set()
        self._tell(f"{self._program.name} has ended: silence from here on")

    def _has_chunk(self) -> bool:
        return WIRE_IN.bytes_of(self._ring.held_frames) >= CHUNK_BYTES

    def _on_arrived(self) -> None:
        self._bell_rung = False
        self._arrived.set()
