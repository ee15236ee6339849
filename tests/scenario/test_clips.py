"""What the user says, as sound: files, spoken text, noise mixed in."""

import os
import shutil
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.scenario import clips
from flashlive_cli.scenario.clips import clip_of, mixed, warnings_about
from flashlive_cli.scenario.schema import Noise, Scenario, Turn
from flashlive_cli.scenario.spoken import speak

RATE_HZ = 16_000


def speech(level=0.2, seconds=2.0):
    """A tone that pauses: half of each second is silent, and no part of how loud it is."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.rint(32767 * level * np.sin(2 * np.pi * 300 * t) * (t % 1 < 0.5)).astype("<i2")


def write_wav(path, samples, rate_hz=RATE_HZ):
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(samples.astype("<i2").tobytes())
    return str(path)


def read_all(clip):
    pcm = b""
    while block := clip.read():
        pcm += block
    return np.frombuffer(pcm, "<i2")


def sound_of(turn, given=None):
    clip = clip_of(turn, given, seed=0)
    assert clip is not None
    return clip


def cut_short(path):
    """Let a WAV end before its header says; of one second half is left."""
    path = Path(path)
    path.write_bytes(path.read_bytes()[: 44 + RATE_HZ])
    return str(path)


def noise(**fields):
    return Noise.model_validate(fields)


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5, 30.0])
def test_the_noise_is_as_much_quieter_as_was_asked(kind, snr_db):
    clean = speech(0.05).astype(float)
    added = np.frombuffer(mixed(speech(0.05).tobytes(), noise(kind=kind, snr_db=snr_db), seed=3), "<i2") - clean
    spoken = clean[np.arange(clean.size) % RATE_HZ < RATE_HZ // 2]
    found = 20 * np.log10(np.sqrt(np.mean(spoken**2)) / np.sqrt(np.mean(added**2)))
    assert found == pytest.approx(snr_db, abs=0.2)


def test_the_noise_of_a_file_is_repeated_and_scaled(tmp_path):
    hum = np.rint(1000 * np.sin(np.arange(1600) * 0.3))
    clean = speech(0.1).astype(float)
    given = noise(file=write_wav(tmp_path / "hum.wav", hum), snr_db=10)
    turn = Turn(say=write_wav(tmp_path / "a.wav", speech(0.1)))
    added = read_all(sound_of(turn, given)) - clean
    factor = np.dot(added[:1600], hum) / np.dot(hum, hum)
    assert np.allclose(added, factor * np.resize(hum, added.size), atol=1.5)
    spoken = clean[np.arange(clean.size) % RATE_HZ < RATE_HZ // 2]
    assert 20 * np.log10(np.std(spoken) / np.std(added)) == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_the_same_seed_is_the_same_noise_and_another_one_another(kind):
    given, pcm = noise(kind=kind, snr_db=10), speech().tobytes()
    assert mixed(pcm, given, seed=1) == mixed(pcm, given, seed=1) != mixed(pcm, given, seed=2)


def test_kinds_are_what_they_are_called():
    n = RATE_HZ * 8
    chance = np.random.default_rng(5)

    def octaves(kind):
        power = np.square(np.abs(np.fft.rfft(clips._made(noise(kind=kind, snr_db=0), n, chance))))
        edges = [round(n / RATE_HZ * 250 * 2**octave) for octave in range(5)]
        return [10 * np.log10(power[a:b].mean()) for a, b in pairwise(edges)]

    assert np.diff(octaves("white")) == pytest.approx(0, abs=0.7)
    assert np.diff(octaves("pink")) == pytest.approx(-3, abs=0.7)
    assert np.diff(octaves("babble")) == pytest.approx(-3, abs=0.7)


def test_silence_and_nothing_take_noise_too():
    assert any(mixed(bytes(2 * RATE_HZ), noise(kind="white", snr_db=0), seed=1))
    assert mixed(b"", noise(kind="white", snr_db=0), seed=1) == b""


def test_too_loud_is_cut_off_and_does_not_wrap():
    loud = np.full(RATE_HZ, 32_000, "<i2")
    found = np.frombuffer(mixed(loud.tobytes(), noise(kind="white", snr_db=0), seed=1), "<i2")
    assert found.max() == 32_767
    assert np.mean(found == 32_767) > 0.3


def test_a_file_of_any_rate_becomes_a_clip(tmp_path):
    path = write_wav(tmp_path / "a.wav", speech(seconds=1.0), rate_hz=8_000)
    clip = clip_of(Turn(say=path), None, seed=0)
    assert clip is not None
    assert clip.duration_s == pytest.approx(2.0, abs=0.01)
    assert read_all(clip).size == pytest.approx(2 * RATE_HZ, abs=100)
    assert clip.read() == b""


def test_a_turn_without_sound_has_no_clip():
    assert clip_of(Turn(text="Hi"), None, seed=0) is clip_of(Turn(silence_ms=5), None, seed=0) is None


def test_each_turn_has_noise_of_its_own(tmp_path):
    given = noise(kind="white", snr_db=10)
    paths = [write_wav(tmp_path / name, speech()) for name in ("a.wav", "b.wav")]
    first, second = (clip_of(Turn(say=path), given, seed=0) for path in paths)
    assert first is not None
    assert second is not None
    assert not np.array_equal(read_all(first), read_all(second))


def test_the_noise_is_the_same_in_whatever_folder_the_file_is(tmp_path):
    given = noise(kind="white", snr_db=10)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    paths = [write_wav(tmp_path / name / "a.wav", speech()) for name in ("here", "there")]
    first, second = (clip_of(Turn(say=path), given, seed=0) for path in paths)
    assert first is not None
    assert second is not None
    assert np.array_equal(read_all(first), read_all(second))


def test_a_clip_that_is_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "LONGEST_S", 1)
    with pytest.raises(FileError, match=r"a\.wav: 2 s are more than the 1 a turn may take"):
        clip_of(Turn(say=write_wav(tmp_path / "a.wav", speech())), None, seed=0)


def test_spoken_text_is_kept_by_its_content(tmp_path):
    first = speak("Hello there.", tmp_path / "cache")
    stamp = first.stat().st_mtime_ns
    assert speak("Hello there.", tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == stamp, "it was not spoken again"
    assert speak("Hello here.", tmp_path / "cache") != first
    assert len(list((tmp_path / "cache").iterdir())) == 2, "nothing half done is left"


def test_what_looks_like_an_option_is_said(tmp_path):
    assert speak("--version", tmp_path).stat().st_size > 10_000


def test_without_espeak_it_is_one_clear_line_unless_the_sound_is_there_already(tmp_path, monkeypatch):
    kept = speak("Hello there.", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert speak("Hello there.", tmp_path) == kept
    with pytest.raises(ConfigError, match=r"^say_text needs espeak-ng, which is not installed \(apt install[^\n]*$"):
        speak("Something else.", tmp_path)


def test_an_espeak_that_fails_and_a_folder_that_cannot_be_made_are_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="'Hi' cannot be spoken into"):
        speak("Hi", tmp_path / "file" / "cache")
    broken = tmp_path / "espeak-ng"
    begun = 'for last; do :; done; echo half > "$last"'  # of all its options the file is the last
    broken.write_text(f"#!/bin/sh\n{begun}\necho first >&2\necho no voice >&2\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(broken))
    with pytest.raises(FileError, match="espeak-ng failed on 'Hi': no voice"):
        speak("Hi", tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir()), "half a file is none"


def test_what_the_killed_have_left_is_swept_and_not_what_others_are_at(tmp_path):
    stale, others, kept = (tmp_path / name for name in ("a.17.part", "b.18.part", "c.wav"))
    for path, age_s in ((stale, 3600), (others, 10), (kept, 3600)):
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age_s,) * 2)

    spoken = speak("Hello there.", tmp_path)

    assert sorted(tmp_path.iterdir()) == sorted([others, kept, spoken])


def test_sound_that_is_cut_short_or_clips_is_warned_of_and_said_as_it_is(tmp_path):
    good, quiet = write_wav(tmp_path / "a.wav", speech()), write_wav(tmp_path / "b.wav", speech(0.0005))
    cut = cut_short(write_wav(tmp_path / "cut.wav", speech(seconds=1.0)))
    loud = write_wav(tmp_path / "loud.wav", np.clip(speech(0.9).astype(float) * 3, -32768, 32767))

    assert sound_of(Turn(say=good)).warnings == []
    assert sound_of(Turn(say=cut)).warnings == [
        f"{cut}: is cut short, its header promises 1.0 s of sound and it holds 0.5 s"
    ]
    (told,) = sound_of(Turn(say=loud)).warnings
    assert told.startswith(f"{loud}: is too loud and clips")
    assert sound_of(Turn(say=good), noise(file=cut, snr_db=10)).warnings == sound_of(Turn(say=cut)).warnings
    assert sound_of(Turn(say=good), noise(file=loud, snr_db=10)).warnings == [], "it is made quieter"

    hum = cut_short(write_wav(tmp_path / "hum.wav", speech(seconds=1.0)))
    said = [{"say": path} for path in (quiet, cut, good, loud, good)]
    scenario = Scenario.model_validate({"turn": said, "matrix": {"noise": ["none", {"file": hum, "snr_db": 3}]}})
    told = [warning.removeprefix(f"{tmp_path}{os.sep}") for warning in warnings_about([scenario, scenario])]
    assert [" ".join(each.split(" ")[:3]) for each in told] == [
        "b.wav: holds nothing", "cut.wav: is cut", "loud.wav: is too", "hum.wav: is cut",
    ]  # fmt: skip


@pytest.mark.parametrize(("share", "told"), [(0.009, False), (0.02, True)])
def test_a_few_loud_samples_are_no_clipping(tmp_path, share, told):
    samples = speech(0.5, seconds=3.0)
    samples[RATE_HZ : RATE_HZ + round(share * RATE_HZ)] = 32767
    clip = sound_of(Turn(say=write_wav(tmp_path / "a.wav", samples)))
    assert bool(clip.warnings) is told
