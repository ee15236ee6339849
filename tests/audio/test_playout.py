"""When that which is written sounds: pre-roll, running dry, whose turn it is, and flushes, without a device."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio.fade import fade_out
from flashlive_cli.audio.playout import FADE_MS, PREROLL_MS, REBUFFER_MS, Playout
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_OUT, PcmFormat

STEREO = PcmFormat(48_000, 2)


class Rig:
    """A playout whose player is the test, with blocks of 5 ms."""

    def __init__(self, pcm: PcmFormat = WIRE_OUT, **options: Any) -> None:
        self.pcm = pcm
        self.block_frames = pcm.frames_of_ms(5)
        self.news: list[tuple[str, int]] = []
        self.playout = Playout(
            pcm,
            **options,
            began=lambda at: self.news.append(("began", self.here + at)),
            ended=lambda at, all_is_played: self.news.append(("ended" if all_is_played else "waits", self.here + at)),
        )
        self.here = 0  # frames since the start, silence too

    def dyed(self, dye: int, ms: float) -> bytes:
        return struct.pack("<h", dye) * self.pcm.channels * self.pcm.frames_of_ms(ms)

    def fill(self, n_blocks: int = 1) -> list[int]:
        """Play; return what sounds on the first channel."""
        sound: list[int] = []
        for _ in range(n_blocks):
            block = bytearray(b"\x55" * self.pcm.bytes_of(self.block_frames))
            self.playout.fill(memoryview(block))
            self.here += self.block_frames
            sound += np.frombuffer(block, "<i2")[:: self.pcm.channels].tolist()
        return sound

    def told(self, what: str) -> list[int]:
        return [at for name, at in self.news if name == what]


@pytest.mark.parametrize("pcm", [WIRE_OUT, STEREO], ids=str)
def test_a_reply_waits_for_its_preroll_and_then_sounds_without_a_gap(pcm: PcmFormat) -> None:
    rig = Rig(pcm)
    rig.playout.write(rig.dyed(7, PREROLL_MS - 1))
    assert set(rig.fill(3)) == {0}
    rig.playout.write(rig.dyed(7, 101 - PREROLL_MS))
    assert set(rig.fill(16)) == {7}
    assert rig.news == [("began", 3 * rig.block_frames)]


def test_a_reply_that_is_all_there_waits_for_nothing_and_sounds_to_its_end() -> None:
    rig = Rig()
    rig.playout.write(rig.dyed(7, 2))
    rig.playout.complete(rig.dyed(8, 10))
    sound = rig.fill(4)
    assert sound == [7] * 48 + [8] * 240 + [0] * 192
    assert rig.news == [("began", 0), ("ended", 288)]
    assert rig.playout.underruns == 0
    assert not rig.playout.sounding


@pytest.mark.parametrize("pcm", [WIRE_OUT, STEREO], ids=str)
def test_running_dry_fades_the_last_whole_block_and_waits_for_more_than_before(pcm: PcmFormat) -> None:
    rig = Rig(pcm)
    rig.playout.write(rig.dyed(12_000, 61))
    sound = rig.fill(13)
    n_sounding = 12 * rig.block_frames
    assert set(sound[: 11 * rig.block_frames + 1]) == {12_000}
    fade = np.diff(sound[11 * rig.block_frames : n_sounding + 1])
    assert fade.max() <= 0
    assert fade.min() >= -12_000 / rig.block_frames - 1
    assert sound[n_sounding:] == [0] * rig.block_frames
    assert rig.playout.underruns == 1
    assert rig.news == [("began", 0), ("waits", n_sounding)]

    rig.playout.write(rig.dyed(1, REBUFFER_MS - 2))
    assert set(rig.fill(2)) == {0}
    rig.playout.write(rig.dyed(1, 20))
    assert rig.fill()[-1] == 1
    assert rig.told("began") == [0, 15 * rig.block_frames]


def test_what_ends_within_a_block_is_told_of_that_frame() -> None:
    rig = Rig()
    for dye in (1, 2, 3):
        rig.playout.write(rig.dyed(dye, 12))
        rig.playout.complete()
    sound = rig.fill(8)
    assert sound == [1] * 288 + [2] * 288 + [3] * 288 + [0] * 96
    assert rig.told("began") == [0, 288, 576]
    assert rig.told("ended") == [864]


def test_a_reply_written_while_the_last_block_of_another_sounds_follows_it_and_is_told() -> None:
    rig = Rig()
    rig.playout.write(rig.dyed(1, 10))
    rig.playout.complete()
    rig.fill(2)
    assert rig.playout.sounding
    rig.playout.write(rig.dyed(2, 100))
    assert rig.fill() == [2] * 120
    assert rig.told("began") == [0, 240]
    assert not rig.told("ended")


def test_a_reply_written_after_the_end_of_another_is_told_once() -> None:
    """Also where its writer still saw the other sound."""
    rig = Rig()
    rig.playout.write(rig.dyed(1, 12))
    rig.playout.complete()
    rig.fill(2)
    rig.playout._starts.append(288)  # what a writer does just before the player comes to the end
    rig.fill()
    rig.playout.write(rig.dyed(2, 100))
    rig.fill(5)
    assert rig.told("began") == [0, 360]


@pytest.mark.parametrize("pcm", [WIRE_OUT, STEREO], ids=str)
def test_after_a_flush_the_old_reply_fades_and_nothing_of_it_follows(pcm: PcmFormat) -> None:
    rig = Rig(pcm)
    rig.playout.write(rig.dyed(12_000, 1000))
    rig.fill(2)
    dropped = rig.playout.flush()
    assert rig.playout.flush() == 0
    assert dropped == pcm.frames_of_ms(1000 - 10 - FADE_MS)
    rig.playout.write(rig.dyed(7, 100))
    fade = rig.fill()
    assert fade[0] == 12_000
    assert fade[-1] == 0
    steps = np.diff(fade)
    assert steps.max() <= 0
    assert steps.min() >= -12_000 / (len(fade) - 1) - 1
    assert set(rig.fill(10)) == {7}
    assert rig.told("began") == [0, 3 * rig.block_frames]
    assert rig.playout.underruns == 0


def test_a_flush_before_a_reply_sounds_leaves_nothing_and_forgets_whose_turn_it_was() -> None:
    rig = Rig()
    for _ in range(2):
        rig.playout.write(rig.dyed(1, 50))
    assert rig.playout.flush() == 2400
    assert set(rig.fill(2)) == {0}
    rig.playout.write(rig.dyed(2, 50))
    rig.playout.complete()
    rig.fill(20)
    assert rig.told("began") == [240]
    assert rig.playout.underruns == 0


def test_whoever_plays_without_gaps_gets_what_there_is_until_nothing_is() -> None:
    rig = Rig(preroll_ms=0)
    assert rig.playout.take(480) == b""
    rig.playout.write(rig.dyed(1, 25))
    assert rig.playout.take(480) == rig.dyed(1, 20)
    rig.playout.complete()
    rig.playout.write(rig.dyed(2, 5))
    assert rig.playout.take(480) == rig.dyed(1, 5) + rig.dyed(2, 5)
    assert rig.playout.sounding
    assert not rig.told("ended")
    assert rig.playout.take(480) == b""
    assert rig.playout.take(480) == b""
    assert rig.news == [("began", 0), ("began", 120), ("ended", 0)]
    assert rig.playout.underruns == 0


def test_a_player_that_stops_in_the_middle_says_that_something_is_left() -> None:
    rig = Rig(preroll_ms=0)
    rig.playout.write(rig.dyed(1, 100))
    rig.playout.take(480)
    for _ in range(2):
        rig.playout.stop()
    assert rig.news == [("began", 0), ("waits", 0)]


@pytest.mark.parametrize("pcm", [WIRE_OUT, STEREO, PcmFormat(48_000, 8)], ids=str)
def test_the_meter_shows_what_sounds_and_silence_is_silence(pcm: PcmFormat) -> None:
    rig = Rig(pcm)
    assert rig.playout.level_dbfs == SILENCE_DBFS
    frame = [3277, 3277, *[0] * 6][: pcm.channels]
    rig.playout.write(struct.pack(f"<{pcm.channels}h", *frame) * pcm.frames_of_ms(200))
    assert rig.playout.level_dbfs == SILENCE_DBFS
    rig.fill()
    assert rig.playout.level_dbfs == pytest.approx(-20, abs=0.01)
    rig.playout.flush()
    rig.fill(2)
    assert rig.playout.level_dbfs == SILENCE_DBFS


def test_of_many_channels_the_two_that_sound_fade() -> None:
    block = np.tile(np.array([1000, 1000, 0, 0], "<i2"), 10)
    fade_out(memoryview(block.data).cast("B"), 4)
    assert block[::4].tolist() == block[1::4].tolist() == [1000 * (10 - n) // 10 for n in range(10)]
    assert not block[2::4].any()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 2000)),
            st.tuples(st.sampled_from(["complete", "flush"]), st.just(0)),
            st.tuples(st.sampled_from(["fill", "take"]), st.integers(1, 5)),
        )
    )
)
def test_whatever_happens_every_frame_sounds_once_and_in_order_or_was_flushed(steps: list[tuple[str, int]]) -> None:
    rig = Rig(fade_ms=0)
    rig.playout._rebuffer_frames = 0  # so that faded blocks are few
    waiting: list[int] = []  # the model: what must sound next
    n_written = n_dropped = n_heard = 0
    for step, amount in steps:
        match step:
            case "write":
                samples = [(n_written + n) % 30_000 + 1 for n in range(amount)]
                rig.playout.write(np.array(samples, "<i2").tobytes())
                waiting += samples
                n_written += amount
            case "complete":
                rig.playout.complete()
            case "flush":
                dropped = rig.playout.flush()
                assert dropped == len(waiting)
                n_dropped += dropped
                waiting.clear()
            case _:
                n_dry, n_before = rig.playout.underruns, rig.playout.played_frames
                heard = rig.fill() if step == "fill" else np.frombuffer(rig.playout.take(100 * amount), "<i2").tolist()
                n_new = rig.playout.played_frames - n_before
                assert not any(heard[n_new:])
                if rig.playout.underruns == n_dry:
                    assert heard[:n_new] == waiting[:n_new]
                del waiting[:n_new]
                n_heard += n_new
        assert rig.playout.held_frames == len(waiting)
    assert n_written == n_heard + n_dropped + len(waiting)
    n_ended = len(rig.told("ended") + rig.told("waits"))
    assert n_ended + rig.playout.sounding <= len(rig.told("began"))


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=8), st.integers(0, 40))
def test_what_another_takes_over_sounds_as_it_would_have(replies: list[tuple[int, bool]], n_blocks: int) -> None:
    """Replies in their order, each told at its own beginning; nothing lost or repeated, and the count goes on."""
    rigs = [Rig(), Rig(STEREO)]
    former, heir = rigs
    expected: list[int] = []
    for dye, (blocks, completes) in enumerate(replies, start=1):
        former.playout.write(former.dyed(dye, 5 * blocks))
        if completes or dye == len(replies):
            former.playout.complete()
        expected += [dye] * blocks
    heard = former.fill(n_blocks)[::120]
    former.playout.stop()
    played = former.playout.played_frames

    def doubled(sound: bytes, _is_whole: bool) -> bytes:
        return np.frombuffer(sound, "<i2").repeat(4).tobytes()

    heir.playout.take_over(former.playout, doubled)
    assert heir.playout.played_frames == 2 * played
    heard += heir.fill(60)[::240]

    assert [dye for dye in heard if dye] == expected
    assert heir.playout.played_frames == 2 * 120 * len(expected)
    assert not heir.playout.held_frames
