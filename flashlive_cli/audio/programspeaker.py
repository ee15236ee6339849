"""
A speaker that is a program of the user's: for SSH, containers and systems without PortAudio.

    `ProgramSpeaker.write` in the receiver task -> [playback ring] -> thread -> pipe -> aplay

The sound is bare 24 kHz mono s16le. What a program buffers by itself is neither known here nor to be called back; its
own options keep that small (`aplay --buffer-time=60000`).
"""

import asyncio
import io
import select
import sys
from collections.abc import Callable
from typing import Final

from flashlive_cli.audio.childprogram import CATCH_UP_S, CHECK_S, Program
from flashlive_cli.audio.mouth import Mouth
from flashlive_cli.audio.playout import FADE_MS, Playout
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.printable import printable

STALLED_CHECKS: Final = 4
"""A speaker that took not a byte in so many running has stalled."""
FIRST_TAKE_CHECKS: Final = 8
"""The same before the first byte: a player may need 3 s to open its device."""

BLOCK_MS: Final = 10
BLOCK_S: Final = BLOCK_MS / 1000

LEAD_MS: Final = 20
"""How far a speaker's pipe is ahead of time: Windows wakes a thread up to 16 ms late."""

PLAY_OUT_S: Final = 0.6
"""Given to a speaker whose sound has ended, to play what it still holds: aplay holds half a second."""


class ProgramSpeaker(Mouth):
    """
    A program that takes 24 kHz mono s16le on its standard input: sound, and silence while there is none.

    Belongs to the event loop it was made in, and none of its methods blocks it; one task writes and flushes, in the
    order of the wire. The threads are called `flashlive-program-mouth` and `flashlive-program-stderr`.

    Attributes:
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
        super().__init__(clock)
        self.name = printable(command)
        self.pcm = WIRE_OUT
        self._lost = lost
        self._playout = Playout(WIRE_OUT, fade_ms=FADE_MS, began=self._began, ended=self._ended)
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
        block = memoryview(bytearray(WIRE_OUT.bytes_of_ms(BLOCK_MS)))
        now = self._clock.source
        due_s = now()
        n_unread_before = 0
        while not self._program.closing.wait(due_s - LEAD_MS / 1000 - now()):
            n_unread = _unread_bytes(self._program.pipe)
            self._n_takes += n_unread < n_unread_before
            if n_unread <= WIRE_OUT.bytes_of_ms(LEAD_MS):
                self._playout.fill(block)
                n_given = 0
                while n_given < len(block):
                    n_given += self._program.pipe.write(block[n_given:])
                n_unread += n_given
            n_unread_before = n_unread
            due_s = max(due_s + BLOCK_S, now() - CATCH_UP_S)

    def _sounds_s(self) -> float:
        return self._clock.now() + self.latency_s

    @property
    def latency_s(self) -> float:
        """
        What is on its way to the program at most, and a flush cannot call back.

        What the program buffers comes on top, unknown. So does, on other systems than Linux, what a pipe holds
        (4 to 64 KiB, up to 1.4 s) once the program has kept it waiting.
        """
        return (LEAD_MS + BLOCK_MS) / 1000

    def write(self, pcm: bytes) -> None:
        """Append 24 kHz mono s16le; less than a frame, or to a program that is gone, is nothing."""
        if len(pcm) >= WIRE_OUT.frame_bytes and not self._program.closing.is_set():
            self._idle.clear()
            self._playout.write(pcm)

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
        try:
            await self._program.close(0.0 if self.sounding or self._program.closing.is_set() else PLAY_OUT_S)
        finally:
            self._close_tap()
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
