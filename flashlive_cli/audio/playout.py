"""
When that which is written sounds.

    write, complete, flush (the loop) -> [playback ring] -> fill or take (the player: a callback, or a thread)

A reply is held back until there is a pre-roll of it, because its first pieces may come slower than they are spoken;
once it has run dry, until there is more. As soon as it is known to be all there, what is held is played to its end.
A reply that is written while the former still sounds follows it without a gap, and its place is remembered.

Nothing here has a thread or a clock, or waits: the ring's lock is the only one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from flashlive_cli.audio.fade import fade_out, faded
from flashlive_cli.audio.ring import Ring
from flashlive_cli.pcm import SILENCE_DBFS, PcmFormat, level_dbfs

if TYPE_CHECKING:
    from flashlive_cli.audio.tap import Tap

PREROLL_MS: Final = 60
"""Sound held before playback begins: the first chunks may come slower than real time (livekit/agents #3604)."""
REBUFFER_MS: Final = 120
"""The same after an underrun."""
FADE_MS: Final = 5
"""Of the sound that a flush cuts off; a hard cut is a step of a tenth of full scale and clicks, measured."""
ROOM_S: Final = 30
"""Room at the start, in seconds; longer replies make it grow."""
METER_MS: Final = 50
_LONGEST_BLOCK_MS: Final = 100


class Playout:
    """
    Replies on their way from one writer, in the event loop, to one player, in a thread of its own.

    Attributes:
        pcm: what is written and played.
        sounding: a reply is being played; set by the player alone.
        underruns: times that playback ran dry within a reply.
        tap: gets what is played; None for none.
        began: called by the player when a reply begins to sound, or goes on after running dry, with the frame of the
            present block at which it does.
        ended: called by the player when nothing sounds any more, with the frame of the block at which that is so and
            whether nothing is held; something is, where a reply ran dry and waits for more.
    """

    def __init__(
        self,
        pcm: PcmFormat,
        *,
        room_s: float = ROOM_S,
        preroll_ms: float = PREROLL_MS,
        fade_ms: float = FADE_MS,
        began: Callable[[int], None],
        ended: Callable[[int, bool], None],
    ) -> None:
        """Be ready; `fade_ms` is of the sound that a flush cuts off. See the attributes for what is called."""
        self.pcm = pcm
        self.sounding = False
        self.underruns = 0
        self.tap: Tap | None = None
        self.began = began
        self.ended = ended
        self._before_frames = 0  # played by another one that this has taken over from
        self._ring = Ring(round(pcm.rate_hz * room_s), overwrite=False, frame_bytes=pcm.frame_bytes)
        self._complete = True  # no more of this reply will come: play to the end, and call that no underrun
        self._starts: deque[int] = deque()  # where replies begin that were written while the former still played
        self._faded_to = -1  # where the sound ends that the latest flush left over
        self._preroll_frames = self._needed_frames = pcm.frames_of_ms(preroll_ms)
        self._rebuffer_frames = pcm.frames_of_ms(REBUFFER_MS)
        self._fade_frames = pcm.frames_of_ms(fade_ms)
        self._silence = memoryview(pcm.silence(_LONGEST_BLOCK_MS))

    @property
    def played_frames(self) -> int:
        """Frames played since the start, the faded ones included, pauses not."""
        return self._before_frames + self._ring.read_frames

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played."""
        return self._ring.held_frames

    @property
    def level_dbfs(self) -> float:
        """Root mean square of the 50 ms that are played next; computed when asked, anyone's."""
        if not self.sounding:
            return SILENCE_DBFS
        pcm = self._ring.peek(self.pcm.frames_of_ms(METER_MS))
        # of many channels two sound, and both the same
        return level_dbfs(memoryview(pcm).cast("h")[:: self.pcm.channels].tobytes())

    # the writer's

    def write(self, pcm: bytes) -> None:
        """Append to the reply, or begin another after `complete` or `flush`."""
        if self._complete and (self.sounding or self._ring.held_frames):
            self._starts.append(self._end)
        self._complete = False
        self._ring.write(pcm)

    def append(self, rest: bytes) -> None:
        """Append to what was written last, whether that was complete or not."""
        self._ring.write(rest)

    def complete(self, rest: bytes = b"") -> None:
        """Append the rest of the reply, after which all is here: it is played to its end without waiting for more."""
        self._ring.write(rest)
        self._complete = True
        self._needed_frames = self._preroll_frames

    def flush(self) -> int:
        """Drop what is held, but for the fade of what sounds; return how many frames were dropped."""
        self._starts = deque()  # a new one: the player may be looking at the other
        sounding = self.sounding
        self._complete = sounding or self._complete  # first: what ends now has not run dry
        dropped = 0
        if not sounding or self._end != self._faded_to:  # else there is nothing but a fade, which need not fade again
            dropped = self._ring.flush(
                self._fade_frames if sounding else 0, shape=partial(faded, channels=self.pcm.channels)
            )
            self._faded_to = self._end
        self.complete()
        return dropped

    def take_over(self, former: "Playout", convert: Callable[[bytes, bool], bytes]) -> None:
        """
        Take over all that another one holds, which is for a device of another format; nobody plays either just now.

        Args:
            former: of no use any more.
            convert: makes this format of that one's, reply by reply; True where no more of a reply will come.
        """
        self._before_frames = -(-former.played_frames * self.pcm.rate_hz // former.pcm.rate_hz)
        self.underruns = former.underruns
        for sound, is_whole in former.hand_over():
            self._ring.write(convert(sound, is_whole))
            self._complete = is_whole
            if is_whole:
                self._starts.append(self._end)
        if self._complete and self._starts:
            self._starts.pop()  # nothing has begun there yet

    def hand_over(self) -> Iterator[tuple[bytes, bool]]:
        """
        Give away all that is held, reply by reply, each with whether no more of it will come; nobody plays it just now.

        There is always a last one, which more may be written to; it may be empty.
        """
        for start in self._starts:
            if start > self._ring.read_frames:
                yield self._ring.read(start - self._ring.read_frames), True
        yield self._ring.read(self._ring.held_frames), self._complete

    @property
    def _end(self) -> int:
        """What the ring's `read_frames` will be when all that is held has been played."""
        return self._ring.written_frames - self._ring.flushed_frames

    # the player's

    def fill(self, block: memoryview) -> None:
        """
        Fill a block, with silence where nothing is to sound, for a device that always wants one.

        Copies and counts, nothing else; only a block that runs dry within a reply is faded, which takes 40 us.

        Args:
            block: bytes of whole frames, 100 ms at most.
        """
        held = self._ring.held_frames
        if not (self.sounding or self._begins(held)):
            block[:] = self._silence[: len(block)]
            return
        n_frames = self._ring.read_into(block)
        if self._starts:
            self._tell_starts(n_frames)
        n_bytes = n_frames * self.pcm.frame_bytes
        short = n_bytes < len(block)
        if short:
            block[n_bytes:] = self._silence[: len(block) - n_bytes]  # a view: nothing is allocated
        dry = not self._complete and held * self.pcm.frame_bytes < 2 * len(block)
        if dry:  # no whole block is there to follow, and a gap must not click
            fade_out(block[:n_bytes], self.pcm.channels)
            self.underruns += 1
            self._needed_frames = self._rebuffer_frames
        if (tap := self.tap) is not None:  # the loop may take it away at any time
            tap.write(block[:n_bytes])
        if dry or short:
            self._stop(n_frames)

    def take(self, n_frames: int) -> bytes:
        """Take up to so many frames, for a device that knows no gaps; nothing is the end of what sounds."""
        if not (self.sounding or self._begins(self._ring.held_frames)):
            return b""
        sound = self._ring.read(n_frames)
        self._tell_starts(self.pcm.frames_in(len(sound)))
        if not sound:
            self._stop(0)
        elif (tap := self.tap) is not None:
            tap.write(sound)
        return sound

    def stop(self) -> None:
        """Note that no more will be taken, whatever is held."""
        if self.sounding:
            self._stop(0)

    def _begins(self, held: int) -> bool:
        if not held or not (self._complete or held >= self._needed_frames):
            return False
        starts = self._starts
        while starts and starts[0] <= self._ring.read_frames:
            starts.popleft()  # the former reply ended while this one was being written: nothing sounds before it
        self.sounding = True
        self.began(0)
        return True

    def _tell_starts(self, n_frames: int) -> None:
        """Tell of the replies that begin within the frames that were taken last."""
        starts, played_frames = self._starts, self._ring.read_frames
        while starts and played_frames > starts[0]:
            self.began(starts.popleft() - (played_frames - n_frames))

    def _stop(self, at_frame: int) -> None:
        self.sounding = False
        if (tap := self.tap) is not None:
            tap.end()
        self.ended(at_frame, not self._ring.held_frames)
