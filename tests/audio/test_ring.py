"""The ring against a deque, and under two threads."""

import struct
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio.ring import Ring

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 30)),
        st.tuples(st.just("read"), st.integers(0, 30)),
        st.tuples(st.just("read_into"), st.integers(0, 30)),
        st.tuples(st.just("flush"), st.integers(0, 8)),
    ),
    max_size=60,
)


def frames(numbers: list[int], channels: int = 1) -> bytes:
    return b"".join(struct.pack("<H", number) * channels for number in numbers)


@given(capacity=st.integers(1, 20), overwrite=st.booleans(), channels=st.integers(1, 3), operations=OPERATIONS)
def test_behaves_like_a_deque(capacity: int, overwrite: bool, channels: int, operations: list[tuple[str, int]]) -> None:
    ring = Ring(capacity, overwrite=overwrite, frame_bytes=2 * channels)
    model: deque[int] = deque(maxlen=capacity if overwrite else None)
    number = 0
    for operation, n in operations:
        held = len(model)
        if operation == "write":
            fresh = list(range(number, number + n))
            number += n
            model.extend(fresh)
            assert ring.write(frames(fresh, channels)) == held + n - len(model)
        elif operation == "read":
            assert ring.read(n) == frames([model.popleft() for _ in range(min(n, held))], channels)
        elif operation == "read_into":
            block = bytearray(b"\xee" * 2 * channels * n)
            got = ring.read_into(block)
            assert got == min(n, held)
            assert block == frames([model.popleft() for _ in range(got)], channels) + b"\xee" * 2 * channels * (n - got)
        else:
            assert ring.flush(n) == max(0, held - n)
            while len(model) > n:
                model.pop()
        assert ring.held_frames == len(model)
        assert ring.written_frames == number
        assert ring.written_frames == (ring.read_frames + ring.flushed_frames + ring.overrun_frames + ring.held_frames)
    assert ring.read(ring.held_frames) == frames(list(model), channels)


def test_a_playback_ring_grows_and_a_capture_ring_does_not() -> None:
    playback, capture = Ring(4, overwrite=False), Ring(4, overwrite=True)
    for ring in (playback, capture):
        ring.write(frames(list(range(10))))
    assert playback.held_frames == 10
    assert playback.capacity_frames >= 10
    assert playback.overrun_frames == 0
    assert capture.read(10) == frames([6, 7, 8, 9])
    assert capture.capacity_frames == 4
    assert capture.overrun_frames == 6


def test_a_torn_last_byte_does_not_shift_what_follows() -> None:
    ring = Ring(8, overwrite=False)
    ring.write(b"\x01\x00\x02")
    ring.write(b"\x03\x00")
    assert ring.read(8) == b"\x01\x00\x03\x00"


def test_a_ring_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Ring(0, overwrite=True)


@pytest.mark.stress
def test_two_threads_lose_and_duplicate_nothing() -> None:
    ring = Ring(64, overwrite=False)
    written = frames([n & 0xFFFF for n in range(50_000)])
    heard = bytearray()

    def reader() -> None:
        while len(heard) < len(written):
            heard.extend(ring.read(37))

    thread = threading.Thread(target=reader, name="ring-reader")
    thread.start()
    for i in range(0, len(written), 2 * 53):
        ring.write(written[i : i + 2 * 53])
    thread.join()
    assert heard == written
