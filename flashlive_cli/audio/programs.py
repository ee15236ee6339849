"""
Microphone and speaker that are programs of the user's: for SSH, containers and systems without PortAudio.

    arecord -> pipe -> thread -> [capture ring] -> `ProgramMicrophone.read` in the sender task
    `ProgramSpeaker.write` in the receiver task -> [playback ring] -> thread -> pipe -> aplay

The sound is bare mono s16le, 16 kHz from a microphone and 24 kHz to a speaker. What a program buffers by itself is
neither known here nor to be called back; its own options keep that small (`aplay --buffer-time=60000`).
"""

import asyncio
import io
import select
import sys
from collections import deque
from collections.abc import Callable
from typing import Final

from flashlive_cli.audio.cardmic import CHUNK_BYTES
from flashlive_cli.audio.cardmic import RING_MS as CAPTURE_RING_MS
from flashlive_cli.audio.cardspeaker import FADE_MS, PREROLL_MS, REBUFFER_MS
from flashlive_cli.audio.cardspeaker import RING_S as PLAYBACK_RING_S
from flashlive_cli.audio.childprogram import Program
from flashlive_cli.audio.ear import CHUNK_S, Ear
from flashlive_cli.audio.fade import faded
from flashlive_cli.audio.pace import Pace
from flashlive_cli.audio.ring import Ring
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT
from flashlive_cli.printable import printable

CAPTURE_BLOCK_BYTES: Final = 4096
"""At most so much is taken from a live microphone's pipe at once; of others a chunk."""

CHECK_S: Final = 0.5
"""
Between two looks whether sound moves. Looks are counted, not seconds: where this process was stopped, or the machine
asleep, the program has missed none of them.
"""
MUTE_CHECKS: Final = 10
"""A microphone that gave not a byte in so many is told of."""
STALLED_CHECKS: Final = 4
"""A speaker that took not a byte in so many running has stalled."""
FIRST_TAKE_CHECKS: Final = 8
"""The same before the first byte: a player may need 3 s to open its device."""

_LAST_SILENCE_S: Final = 1.0
"""The ear hears so much of the silence after a microphone's end: utterances end, and no muted device is suspected."""

PLAYBACK_BLOCK_MS: Final = 10
PLAYBACK_BLOCK_S: Final = PLAYBACK_BLOCK_MS / 1000

LEAD_MS: Final = 20
"""How far a speaker's pipe is ahead of time: Windows wakes a thread up to 16 ms late."""

CATCH_UP_S: Final = 0.1
"""So much of a delay is made up for at once, on a busy machine; what is later stays late, and no burst follows."""

PLAY_OUT_S: Final = 0.6
"""Given to a speaker whose sound has ended, to play what it still holds: aplay holds half a second."""


class ProgramMicrophone:
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
        self._ring = Ring(WIRE_IN.frames_of_ms(CAPTURE_RING_MS), overwrite=True)
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
        block = memoryview(bytearray(CAPTURE_BLOCK_BYTES))
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

    @property
    def speech_started_s(self) -> float | None:
        """Clock time of the onset of the latest utterance; None before any."""
        return self.ear.speech_started_s

    @property
    def speech_ended_s(self) -> float | None:
        """Clock time of the latest sound of speech."""
        return self.ear.speech_ended_s

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
        return bytes(CHUNK_BYTES)

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


class ProgramSpeaker:
    """
    A program that takes 24 kHz mono s16le on its standard input: sound, and silence while there is none.

    Belongs to the event loop it was made in, and none of its methods blocks it; one task writes and flushes, in the
    order of the wire. The threads are called `flashlive-program-mouth` and `flashlive-program-stderr`.

    Attributes:
        underruns: times that playback ran dry within a reply.
        name: the command, printable.
        pcm: what the program gets.
    """

    def __init__(self, clock: Clock, command: str, *, lost: Callable[[DeviceError], None]) -> None:
        """
        Start the program; `close` must be called.

        Args:
            clock: tells when sound began and ran out; the pace is that of its source, whatever its speed.
            command: program and options; no shell reads it.
            lost: called once, in the loop's thread, if the program ends, or takes nothing for 2 s, before `close`.

        Raises:
            ConfigError: the command is empty, or its quotes do not match.
            DeviceError: the program cannot be started.
        """
        self.underruns = 0
        self.name = printable(command)
        self.pcm = WIRE_OUT
        self._clock = clock
        self._lost = lost
        self._ring = Ring(WIRE_OUT.rate_hz * PLAYBACK_RING_S, overwrite=False)
        self._listener: tuple[Callable[[float], None], Callable[[float], None]] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._sounding = False  # the thread's: written there alone
        self._complete = True  # no more of this reply will come: play to the end, and call that no underrun
        self._starts: deque[int] = deque()  # `read_frames` at which replies begin that came while another played
        self._preroll_frames = WIRE_OUT.frames_of_ms(PREROLL_MS)
        self._n_takes = 0
        self._program = Program(command, speaker=True, lost=self._on_lost)
        self._program.start(self._play, "flashlive-program-mouth")
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._watch, 0, 0)

    def _play(self) -> None:
        """
        Give block after block, each `LEAD_MS` before it is due, in a thread.

        A program that is slower than the clock gets none while it has not read what it has. A small pipe would not
        do: at its smallest, 4096 bytes, Linux' holds 85 ms, and may refuse a block with 840 bytes in it.
        """
        block = memoryview(bytearray(WIRE_OUT.bytes_of_ms(PLAYBACK_BLOCK_MS)))
        now = self._clock.source
        due_s = now()
        n_unread_before = 0
        while not self._program.closing.wait(due_s - LEAD_MS / 1000 - now()):
            n_unread = _unread_bytes(self._program.pipe)
            self._n_takes += n_unread < n_unread_before
            if n_unread <= WIRE_OUT.bytes_of_ms(LEAD_MS):
                self._fill(block)
                n_given = 0
                while n_given < len(block):
                    n_given += self._program.pipe.write(block[n_given:])
                n_unread += n_given
            n_unread_before = n_unread
            due_s = max(due_s + PLAYBACK_BLOCK_S, now() - CATCH_UP_S)

    def _fill(self, block: memoryview) -> None:
        held = self._ring.held_frames
        begins = not self._sounding and held > 0 and (self._complete or held >= self._preroll_frames)
        self._sounding = self._sounding or begins
        n_played = WIRE_OUT.bytes_of(self._ring.read_into(block)) if self._sounding else 0
        block[n_played:] = bytes(len(block) - n_played)
        starts = self._starts  # a flush puts another in its place
        while starts and self._ring.read_frames > starts[0]:
            starts.popleft()
            begins = True
        if begins:
            self._program.ring(self._on_started)
        dry = self._sounding and not self._complete and WIRE_OUT.bytes_of(held) < 2 * len(block)
        if dry:
            block[:n_played] = faded(block[:n_played])  # no whole block is there to follow, and a gap must not click
            self.underruns += 1
            self._preroll_frames = WIRE_OUT.frames_of_ms(REBUFFER_MS)
        if dry or (self._sounding and n_played < len(block)):
            self._sounding = False
            self._program.ring(self._on_drained)

    @property
    def played_frames(self) -> int:
        """Frames given to the program since the start, silence not counted."""
        return self._ring.read_frames

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played."""
        return self._ring.held_frames

    @property
    def latency_s(self) -> float:
        """
        What is on its way to the program at most, and a flush cannot call back.

        What the program buffers comes on top, unknown. So does, on other systems than Linux, what a pipe holds
        (4 to 64 KiB, up to 1.4 s) once the program has kept it waiting.
        """
        return (LEAD_MS + PLAYBACK_BLOCK_MS) / 1000

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """Be told, in the loop's thread and with clock seconds, when a reply begins to sound and when all has."""
        self._listener = (started, drained)

    def write(self, pcm: bytes) -> None:
        """Append 24 kHz mono s16le; less than a frame, or to a program that is gone, is nothing."""
        if len(pcm) < WIRE_OUT.frame_bytes or self._program.closing.is_set():
            return
        if self._complete and self._ring.held_frames:
            self._starts.append(self._ring.written_frames - self._ring.flushed_frames)
        self._complete = False
        self._idle.clear()
        self._ring.write(pcm)

    def complete(self) -> None:
        """Note that all of the reply is here: what is held is played to its end without waiting for more."""
        self._complete = True
        self._preroll_frames = WIRE_OUT.frames_of_ms(PREROLL_MS)

    def flush(self) -> int:
        """Drop what is held but for 5 ms, which fade out; return how many frames were dropped."""
        self._starts = deque()
        keep = WIRE_OUT.frames_of_ms(FADE_MS) if self._sounding else 0
        dropped = self._ring.flush(keep, shape=faded)
        self.complete()
        if not self._sounding:
            self._program.ring(self._on_drained)
        return dropped

    async def drained(self) -> None:
        """Wait until the program has all that was written, or is gone; one that takes nothing is lost after a while."""
        self.complete()
        await self._idle.wait()
        await asyncio.sleep(self.latency_s)

    async def close(self) -> None:
        """
        End the program; it is gone afterwards, within 3 s.

        Its input ends first. If nothing sounds any more it has `PLAY_OUT_S` to play what it holds and to go by itself,
        unless it is lost.
        """
        self._check.cancel()
        await self._program.close(0.0 if self._sounding or self._program.closing.is_set() else PLAY_OUT_S)
        self._idle.set()

    def _watch(self, n_takes_before: int, n_still: int) -> None:
        """Look every now and then whether the program still takes what it is given."""
        n_still = n_still + 1 if self._n_takes == n_takes_before else 0
        if self._program.closing.is_set():
            return
        if n_still >= (STALLED_CHECKS if self._n_takes else FIRST_TAKE_CHECKS):
            self._program.lose(f"{self._program.name} takes no sound: is it a player, and its device not frozen?")
            return
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._watch, self._n_takes, n_still)

    def _on_lost(self, error: DeviceError) -> None:
        self._idle.set()
        self._lost(error)

    def _on_started(self) -> None:
        if self._listener:
            self._listener[0](self._clock.now() + self.latency_s)

    def _on_drained(self) -> None:
        if self._ring.held_frames:
            return  # more came while the bell was ringing
        self._idle.set()
        if self._listener:
            self._listener[1](self._clock.now() + self.latency_s)


def _unread_bytes(pipe: io.FileIO) -> int:
    """
    Bytes in a pipe that its reader has not taken; 0 where the writer cannot ask, as on macOS and Windows.

    Raises:
        OSError: nobody is left to take them.
    """
    if sys.platform != "linux":
        return 0
    import fcntl  # noqa: PLC0415 - does not exist on Windows
    import termios  # noqa: PLC0415 - the same

    answer = bytearray(4)
    fcntl.ioctl(pipe, termios.FIONREAD, answer)
    n_bytes = int.from_bytes(answer, sys.byteorder)
    if n_bytes:
        poll = select.poll()
        poll.register(pipe, 0)  # without being asked it tells of errors alone
        if poll.poll(0):
            raise BrokenPipeError
    return n_bytes
