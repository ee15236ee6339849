"""A synthetic room in which the microphone hears the speaker; the simulator's ear tells what the server would hear."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio.echo import Echo, _Played, reference_ring
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.ring import Ring
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import CHUNK_BYTES, SILENT_CHUNK, WIRE_IN, WIRE_OUT, PcmFormat, level_dbfs
from flashlive_cli.sim.hearing import Ears, Sensitivity, SpeechStarted

Samples = npt.NDArray[np.float64]

DELAY_MS = 60
REPLIES_S = [(1.0, 7.0), (8.5, 9.5), (11.5, 20.0), (21.5, 32.0)]
USER_S = (26.0, 28.0)
LENGTH_S = 33.0


def speech(seconds: float, pitch_hz: float, seed: int) -> Samples:
    """Syllables of hoarse vowels at 24 kHz, full scale 1, about -20 dBFS: enough like speech for a canceller."""
    rng = np.random.default_rng(seed)
    n, rate_hz = round(seconds * WIRE_OUT.rate_hz), WIRE_OUT.rate_hz
    sound = np.zeros(n)
    at = 0
    while at < n:
        length = min(round(rng.uniform(0.1, 0.25) * rate_hz), n - at)
        t = np.arange(length) / rate_hz
        phase = 2 * np.pi * pitch_hz * rng.uniform(0.8, 1.25) * (t + rng.uniform(-0.5, 0.5) * t**2)
        formants = rng.uniform((300, 900, 2200), (800, 2000, 3500))
        spectrum = np.fft.rfft(sum(np.cos(k * phase) for k in range(1, 25)) + rng.normal(0, 2, length))
        hz = np.fft.rfftfreq(length, 1 / rate_hz)
        spectrum *= sum(1 / (1 + ((hz - f) / 150) ** 2) for f in formants) + 0.02
        vowel = np.fft.irfft(spectrum, length) * np.hanning(length)
        sound[at : at + length] = vowel / max(1e-9, float(np.sqrt(np.square(vowel).mean()))) * 0.1
        at += length + round(rng.choice([0.01, 0.03, 0.15], p=[0.5, 0.4, 0.1]) * rate_hz)
    return sound


def resampled(sound: Samples, rate_hz: int) -> Samples:
    resample = Resampler(WIRE_OUT.rate_hz, rate_hz)
    return np.concatenate((resample(sound.astype(np.float32)), resample.finish())).astype(np.float64)


def pcm_of(sound: Samples) -> bytes:
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def levels_dbfs(chunks: list[bytes], start_s: float, end_s: float) -> list[float]:
    return [level_dbfs(chunk) for chunk in chunks[round(50 * start_s) : round(50 * end_s)]]


def mean_dbfs(chunks: list[bytes], start_s: float, end_s: float) -> float:
    return level_dbfs(b"".join(chunks[round(50 * start_s) : round(50 * end_s)]))


@dataclass
class Room:
    """What is played, 24 kHz, and the three sounds that a microphone hears, 16 kHz."""

    played: Samples
    echo: Samples
    hiss: Samples
    user: Samples

    def heard(self, *, user: bool = False) -> list[bytes]:
        pcm = pcm_of(self.echo + self.hiss + (self.user if user else 0))
        return [pcm[i : i + CHUNK_BYTES] for i in range(0, len(pcm), CHUNK_BYTES)]

    def blocks(self, fmt: PcmFormat = WIRE_OUT, seconds: float = LENGTH_S) -> list[bytes]:
        """What a device of that format was handed in 20 ms each."""
        mono = np.frombuffer(pcm_of(resampled(self.played[: round(24_000 * seconds)], fmt.rate_hz)), "<i2")
        pcm = np.repeat(mono, fmt.channels).tobytes()
        step = fmt.bytes_of_ms(20)
        return [pcm[i : i + step] for i in range(0, len(pcm), step)]


@pytest.fixture(scope="module")
def room() -> Room:
    """Delay 60 ms, T60 0.3 s, echo 12 dB below what is played, user as loud as that, hiss at -65 dBFS."""
    rng = np.random.default_rng(0)
    played, user = np.zeros(round(24_000 * LENGTH_S)), np.zeros(round(16_000 * LENGTH_S))
    for seed, (start_s, end_s) in enumerate(REPLIES_S):
        played[round(24_000 * start_s) : round(24_000 * end_s)] = speech(end_s - start_s, 190, seed)
    user[round(16_000 * USER_S[0]) : round(16_000 * USER_S[1])] = 0.25 * resampled(speech(2.0, 100, 9), 16_000)
    response = rng.standard_normal(4800) * 10 ** (-3 * np.arange(4800) / 4800)
    response[0] = np.sqrt(np.square(response[1:]).sum())
    loudspeaker = resampled(np.tanh(2 * played) / 2, 16_000)
    n = 2 * loudspeaker.size
    returned = np.fft.irfft(np.fft.rfft(loudspeaker, n) * np.fft.rfft(response, n), n)
    echo = np.concatenate((np.zeros(16 * DELAY_MS), returned))[: loudspeaker.size]
    echo *= 0.25 * np.sqrt(np.square(loudspeaker).sum() / np.square(echo).sum())
    return Room(played, echo, rng.standard_normal(user.size) * 10 ** (-65 / 20), user)


@dataclass
class Talk:
    """An `Echo` at work; `cleaned`, `states` and `erle_db` have an entry for each 20 ms."""

    echo: Echo | None
    reference: Ring
    cleaned: list[bytes] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    erle_db: list[float | None] = field(default_factory=list)

    def hear(self, chunk: bytes, block: bytes = b"") -> bytes:
        """Play a block, and let the microphone hear a chunk meanwhile."""
        self.reference.write(block)
        return self.take(chunk)

    def take(self, chunk: bytes) -> bytes:
        cleaned = chunk
        if self.echo is not None:
            cleaned = self.echo(chunk)
            self.states.append(self.echo.state)
            self.erle_db.append(self.echo.erle_db)
        self.cleaned.append(cleaned)
        return cleaned

    def hear_all(self, chunks: list[bytes], blocks: list[bytes]) -> "Talk":
        for chunk, block in zip(chunks, blocks, strict=True):
            self.hear(chunk, block)
        return self

    def onsets_s(self) -> list[float]:
        """When the server would have heard speech begin."""
        ears = Ears(Sensitivity())
        return [e.offset_s for chunk in self.cleaned for e in ears.feed(chunk) if isinstance(e, SpeechStarted)]


def begin(
    mode: str, fmt: PcmFormat = WIRE_OUT, *, delay_ms: int = DELAY_MS, on_fallback: Callable[[str], None] | None = None
) -> Talk:
    reference = reference_ring(fmt)
    if mode == "off":
        return Talk(None, reference)
    assert mode in {"cancel", "half"}
    echo = Echo(
        "cancel" if mode == "cancel" else "half",
        reference,
        reference_format=fmt,
        delay_ms=delay_ms,
        on_fallback=on_fallback,
    )
    return Talk(echo, reference)


@pytest.fixture(scope="module")
def cancelled(room: Room) -> Talk:
    """All of the talk, with nobody speaking but the model."""
    return begin("cancel").hear_all(room.heard(), room.blocks())


@pytest.fixture(scope="module")
def loud_block() -> bytes:
    return pcm_of(speech(0.5, 190, 1))[9600:10560]


@pytest.fixture(scope="module")
def voice() -> bytes:
    """20 ms that nobody would miss."""
    return pcm_of(0.25 * resampled(speech(1.0, 100, 2), 16_000))[3200:3840]


def test_the_model_does_not_hear_itself_once_the_echo_is_cancelled(cancelled: Talk) -> None:
    assert cancelled.onsets_s() == []


def test_the_model_does_not_hear_itself_in_half_duplex(room: Room) -> None:
    assert begin("half").hear_all(room.heard(), room.blocks()).onsets_s() == []


def test_the_model_hears_itself_where_nothing_is_done(room: Room) -> None:
    onsets_s = begin("off").hear_all(room.heard(), room.blocks()).onsets_s()
    assert any(start_s <= onset_s <= end_s for onset_s in onsets_s for start_s, end_s in REPLIES_S)


def test_the_echo_is_lowered_and_by_how_much_is_told(room: Room, cancelled: Talk) -> None:
    lowered_db = mean_dbfs(room.heard(), 12, 20) - mean_dbfs(cancelled.cleaned, 12, 20)

    assert lowered_db > 15
    assert cancelled.echo is not None
    assert cancelled.echo.erle_db == pytest.approx(lowered_db, abs=6)
    assert cancelled.erle_db[40] is None, "nothing was played yet"


def test_a_user_who_speaks_over_the_reply_gets_through(room: Room) -> None:
    onsets_s = begin("cancel").hear_all(room.heard(user=True), room.blocks()).onsets_s()

    assert len(onsets_s) == 1
    assert USER_S[0] <= onsets_s[0] <= USER_S[0] + 1


def test_a_user_who_speaks_over_the_reply_is_muted_in_half_duplex(room: Room) -> None:
    assert begin("half").hear_all(room.heard(user=True), room.blocks()).onsets_s() == []


def test_a_user_who_speaks_alone_is_passed_unharmed() -> None:
    said = resampled(speech(3, 100, 5), 16_000) * 0.5
    pcm = pcm_of(said)
    talk = begin("cancel")
    for start in range(0, len(pcm) - CHUNK_BYTES + 1, CHUNK_BYTES):
        talk.hear(pcm[start : start + CHUNK_BYTES], bytes(960))

    passed = np.frombuffer(b"".join(talk.cleaned), "<i2") / 32768
    likeness = [
        np.corrcoef(said[8000:40_000], passed[8000 + late : 40_000 + late])[0, 1] for late in range(0, 16 * 20, 8)
    ]
    assert max(likeness) > 0.95, "but for what lies below the voice"
    assert int(np.argmax(likeness)) * 8 <= 16 * 10, "later than 10 ms"
    assert level_dbfs(b"".join(talk.cleaned)) == pytest.approx(level_dbfs(pcm), abs=0.5)


def test_it_learns_for_two_seconds_of_sound_and_says_so(cancelled: Talk) -> None:
    pairs = zip(["", *cancelled.states], cancelled.states, strict=False)
    changes = [(n, after) for n, (before, after) in enumerate(pairs) if before != after]

    assert [state for _, state in changes] == ["learning", "cancelling"]
    assert 3.0 <= changes[1][0] / 50 <= 4.0, "a reply that begins after a second, with pauses in it"
    assert cancelled.erle_db[changes[1][0]] is not None


def test_while_it_learns_the_microphone_is_open_in_pauses_only(loud_block: bytes, voice: bytes) -> None:
    talk = begin("cancel")
    for _ in range(95):
        assert talk.hear(voice, loud_block) == SILENT_CHUNK
        assert talk.states[-1] == "learning"
    # a pause: the room falls silent after 250 ms, and the microphone opens
    passed = [talk.hear(voice, bytes(960)) != SILENT_CHUNK for _ in range(20)]
    assert passed == [False] * passed.index(True) + [True] * (20 - passed.index(True))
    assert 250 <= 20 * passed.index(True) <= 290
    assert talk.hear(voice, loud_block) == SILENT_CHUNK
    assert [talk.hear(voice, loud_block) for _ in range(4)][-1] != SILENT_CHUNK, "two seconds are over"
    assert talk.states[-1] == "cancelling"


def test_half_duplex_mutes_the_tail_of_the_room_too_and_changes_nothing_else(loud_block: bytes, voice: bytes) -> None:
    talk = begin("half")
    assert talk.hear(voice) == voice
    assert {talk.hear(voice, loud_block) for _ in range(150)} == {SILENT_CHUNK}
    after = [talk.hear(voice, bytes(960)) for _ in range(20)]
    n_muted = after.count(SILENT_CHUNK)
    assert 250 <= 20 * n_muted <= 290
    assert after == [SILENT_CHUNK] * n_muted + [voice] * (20 - n_muted)
    assert set(talk.states) == {"half"}
    assert set(talk.erle_db) == {None}


def test_on_headphones_there_is_nothing_to_measure(room: Room) -> None:
    hiss = pcm_of(room.hiss)
    chunks = [hiss[i : i + CHUNK_BYTES] for i in range(0, 20 * 16_000, CHUNK_BYTES)]
    talk = begin("cancel").hear_all(chunks, room.blocks()[: len(chunks)])

    assert talk.states[-1] == "cancelling"
    assert talk.erle_db[-1] is None


@pytest.mark.parametrize("fmt", [PcmFormat(48_000, 2), PcmFormat(44_100)], ids=str)
def test_the_format_of_the_speaker_does_not_matter(room: Room, cancelled: Talk, fmt: PcmFormat) -> None:
    talk = begin("cancel", fmt).hear_all(room.heard()[: 50 * 16], room.blocks(fmt, 16))

    assert mean_dbfs(talk.cleaned, 12, 16) == pytest.approx(mean_dbfs(cancelled.cleaned, 12, 16), abs=1.5)
    assert talk.onsets_s() == []


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_the_reference_is_resampled_from_its_first_channel(rate_hz: int) -> None:
    fmt = PcmFormat(rate_hz, 2)
    t = np.arange(rate_hz) / rate_hz
    wave = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (120, 700, 1900, 2900)) / 4
    pcm = np.stack((wave * 32000, np.full(rate_hz, 99)), axis=1).astype("<i2").tobytes()
    ring = reference_ring(fmt)
    played = _Played(ring, fmt)
    out = []
    for start in range(0, len(pcm), fmt.bytes_of_ms(20)):
        ring.write(pcm[start : start + fmt.bytes_of_ms(20)])
        assert played.advance()
        out.append(played.samples().astype(np.float64))

    got = np.concatenate(out)[4000:12_000]
    t = np.arange(4000, 12_000) / 16_000
    basis = np.stack([f(2 * np.pi * hz * t) for hz in (120, 700, 1900, 2900) for f in (np.sin, np.cos)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, got)
    amplitudes = np.hypot(weights[::2], weights[1::2])
    assert amplitudes == pytest.approx(amplitudes.mean(), rel=0.01), "all tones pass alike"
    assert amplitudes.mean() > 2000
    rest = got - basis @ weights
    assert 10 * np.log10(np.square(rest).mean() / np.square(got).mean()) < -60


def test_no_reference_is_too_loud_to_be_resampled() -> None:
    """Between two samples at full scale the sound may be louder still: that must not wrap around."""
    rng = np.random.default_rng(1)
    square = (rng.choice([-32768, 32767], 24_000)).astype("<i2")
    ring = reference_ring()
    played = _Played(ring, WIRE_OUT)
    expected = resampled(square / 32768, 16_000)
    out = []
    for start in range(0, square.size, 480):
        ring.write(square[start : start + 480].tobytes())
        played.advance()
        out.append(played.samples().astype(np.float64))
    got = np.concatenate(out)
    late = int(np.argmax(np.correlate(got[:8000], expected[:8000], "full"))) - 7999
    assert 0 <= late <= 24, "the filter's reach"
    likeness = np.corrcoef(got[late + 1 : 12_000 + late], expected[1:12_000])[0, 1]
    assert likeness > 0.8, "but for a fraction of a sample"


def test_a_rate_that_20_ms_do_not_divide_stays_in_step() -> None:
    fmt = PcmFormat(11_025)
    talk = begin("half", fmt)
    written = 0
    for n in range(1, 1001):
        until = round(n * 220.5)
        talk.reference.write(bytes(2 * (until - written)))
        written = until
        talk.take(SILENT_CHUNK)
    assert talk.reference.held_frames <= fmt.frames_of_ms(10) + 1


def test_what_was_played_before_the_microphone_opened_does_not_delay_the_reference(room: Room) -> None:
    """A reference that comes later than its echo is of no use to the canceller."""
    talk = begin("cancel")
    talk.reference.write(WIRE_OUT.silence(200))
    talk.hear_all(room.heard()[:400], room.blocks()[:400])

    assert mean_dbfs(room.heard(), 5, 7) - mean_dbfs(talk.cleaned, 5, 7) > 15


def test_a_backlog_that_lasts_is_cut_within_a_second_or_two(loud_block: bytes) -> None:
    for block in (bytes(960), loud_block):
        talk = begin("cancel")
        for n in range(200):
            if n == 75:  # the microphone lost so much
                talk.reference.write(block * 5)
            talk.hear(SILENT_CHUNK, block)
            if n == 80:
                assert talk.reference.held_frames >= WIRE_OUT.frames_of_ms(100)
        assert talk.reference.held_frames <= WIRE_OUT.frames_of_ms(10)


def test_a_loop_that_was_late_catches_up_without_a_trace(room: Room, cancelled: Talk) -> None:
    talk = begin("cancel")
    waiting: list[bytes] = []
    for n, (chunk, block) in enumerate(zip(room.heard()[:800], room.blocks()[:800], strict=True)):
        talk.reference.write(block)
        waiting.append(chunk)
        if n % 100 not in range(20, 34):  # 280 ms late, every two seconds
            for late in waiting:
                talk.take(late)
            waiting.clear()

    assert b"".join(talk.cleaned) == b"".join(cancelled.cleaned[: len(talk.cleaned)])


def test_a_reopened_device_is_learned_again(room: Room, loud_block: bytes, voice: bytes) -> None:
    chunks, blocks = room.heard()[:400], room.blocks()[:400]
    talk = begin("cancel").hear_all(chunks, blocks)
    assert talk.echo is not None
    assert talk.states[-1] == "cancelling"
    assert talk.erle_db[-1] is not None

    talk.echo = Echo("cancel", talk.reference, delay_ms=DELAY_MS)

    assert talk.echo.erle_db is None
    assert talk.hear(voice, loud_block) == SILENT_CHUNK
    assert talk.states[-1] == "learning"
    n = len(talk.cleaned)
    talk.hear_all(chunks, blocks)
    assert mean_dbfs(chunks, 5, 7) - mean_dbfs(talk.cleaned[n:], 5, 7) > 15


class Broken:
    """A canceller that fails after a while."""

    def __init__(self, n_good: int) -> None:
        self.n_good = n_good

    def process(self, near: npt.NDArray[np.int16], far: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        self.n_good -= 1
        if self.n_good < 0:
            raise RuntimeError("out of\nfilters")
        return near


def test_a_canceller_that_fails_leaves_half_duplex(loud_block: bytes, voice: bytes) -> None:
    told: list[str] = []
    talk = begin("cancel", on_fallback=told.append)
    assert talk.echo is not None
    talk.echo._canceller = Broken(150)  # type: ignore[assignment]  # as much of one as is needed
    for _ in range(150):
        talk.hear(voice, loud_block)
    assert (talk.cleaned[-1], talk.states[-1], told) == (voice, "cancelling", [])

    assert talk.hear(voice, loud_block) == SILENT_CHUNK
    assert {talk.hear(voice, loud_block) for _ in range(10)} == {SILENT_CHUNK}
    assert [talk.hear(voice, bytes(960)) for _ in range(20)][-1] == voice

    assert (talk.echo.mode, talk.echo.state, talk.echo.erle_db) == ("half", "half", None)
    assert len(told) == 1
    assert "RuntimeError: out of filters" in told[0]


def test_a_canceller_may_fail_with_nobody_to_tell(voice: bytes) -> None:
    talk = begin("cancel")
    assert talk.echo is not None
    talk.echo._canceller = Broken(0)  # type: ignore[assignment]
    assert talk.hear(voice) == voice
    assert talk.states == ["half"]


def test_without_its_library_cancelling_is_refused_and_half_duplex_works(monkeypatch, voice: bytes) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(DeviceError, match="pywebrtc-audio"):
        begin("cancel")
    assert begin("half").hear(voice) == voice


def test_the_ring_holds_frames_of_the_speaker() -> None:
    ring = reference_ring(PcmFormat(48_000, 2))
    ring.write(bytes(4 * 960))
    assert ring.held_frames == 960
    assert reference_ring().capacity_frames >= WIRE_OUT.frames_of_ms(300) + WIRE_IN.frames_of_ms(20)
