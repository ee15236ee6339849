"""The stereo file: valid at any moment, whatever comes when, and beyond 4 GiB."""

import stat
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.recording.wavfile import MODEL, USER, StereoFile


def test_is_valid_from_the_start_and_after_every_sync(tmp_path: Path, read_sound) -> None:
    file = StereoFile(tmp_path / "conversation.wav")
    assert read_sound(tmp_path)[0].size == 0
    file.lay(USER, 0, np.full(100, 5, np.int16))
    assert read_sound(tmp_path)[0].size == 0
    file.sync()
    assert read_sound(tmp_path)[0].tolist() == [5] * 100
    file.lay(MODEL, 50, np.full(100, 7, np.int16))
    file.close()

    user, model = read_sound(tmp_path)
    assert user.tolist() == [5] * 100 + [0] * 50
    assert model.tolist() == [0] * 50 + [7] * 100
    assert stat.S_IMODE((tmp_path / "conversation.wav").stat().st_mode) == 0o600 or sys.platform == "win32"


def test_what_comes_late_is_laid_beside_what_is_there(tmp_path: Path, read_sound) -> None:
    file = StereoFile(tmp_path / "conversation.wav")
    file.lay(MODEL, 0, np.arange(1000, dtype=np.int16))
    file.lay(USER, 200, np.full(100, -3, np.int16))
    file.lay(USER, 2000, np.full(10, -4, np.int16))
    file.close()

    user, model = read_sound(tmp_path)
    assert model[:1000].tolist() == list(range(1000))
    assert user[200:300].tolist() == [-3] * 100
    assert np.flatnonzero(user).tolist() == [*range(200, 300), *range(2000, 2010)]
    assert not model[1000:].any()


@pytest.mark.skipif(sys.platform == "win32", reason="holes take room there")
def test_beyond_4_gib_it_is_an_rf64(tmp_path: Path) -> None:
    path = tmp_path / "conversation.wav"
    file = StereoFile(path)
    file.lay(USER, 13 * 3600 * 24_000, np.full(10, 3, np.int16))
    file.close()

    with path.open("rb") as stream:
        head = stream.read(80)
    n_bytes = (13 * 3600 * 24_000 + 10) * 4
    assert (head[:4], head[8:16]) == (b"RF64", b"WAVEds64")
    riff_bytes, data_bytes, n_frames = struct.unpack_from("<QQQ", head, 20)
    assert (riff_bytes, data_bytes, n_frames) == (path.stat().st_size - 8, n_bytes, n_bytes // 4)
    assert head[72:76] == b"data"
    assert path.stat().st_size == 80 + n_bytes
