"""
The recording of a talk as it goes: events, wire, both voices, transcript.

    event loop ─► put: events, messages, sound ─► thread flashlive-recorder ─► the folder's four files

Every 0.2 s all files are valid and hold what was handed over, but for the sound of the last 0.25 s, whose place is
not known yet.
"""

import json
import os
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, assert_never

from flashlive_cli import reports
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT
from flashlive_cli.printable import printable, printable_json
from flashlive_cli.recording import folder as names
from flashlive_cli.recording.lines import GrowingFile
from flashlive_cli.recording.redact import Redactor
from flashlive_cli.recording.scribe import Scribe
from flashlive_cli.recording.story import EVENT_BYTES, snapshot
from flashlive_cli.recording.track import Resampler, Track
from flashlive_cli.recording.transcript import MarkdownTeller
from flashlive_cli.recording.wavfile import MODEL, USER, StereoFile


@dataclass(frozen=True, slots=True)
class _Event:
    record: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Message:
    by: str  # c: the client, s: the server
    message: str | bytes
    now: float


@dataclass(frozen=True, slots=True)
class _Sound:
    side: int
    pcm: bytes
    start_s: float


_Item = _Event | _Message | _Sound


class Recorder:
    """
    Keeps one talk in a folder of its own; a context, in which it writes.

    Made before the talk begins. All methods belong to the event loop's thread; none but `close` waits. Times are the
    clock's seconds, whose zero is the recording's.

    Attributes:
        folder: where; its name begins with the local date and time, where it was not given another.

    Args:
        directory: of all recordings; made if missing.
        clock: of the talk.
        resampler: makes what brings the microphone's 16 kHz to 24 kHz; called once.
        secrets: what must not be written: the API key.
        failed: gets one message, once, when the disk is full or gone: what comes later is not recorded. Called in
            the recorder's thread, and must not raise.
        began: now, with time zone; the system's time by default.
        name: of the folder; by default the time.

    Raises:
        FileError: the folder cannot be made.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        clock: Clock,
        resampler: Callable[[], Resampler],
        secrets: Collection[str] = (),
        failed: Callable[[str], None],
        began: datetime | None = None,
        name: str | None = None,
    ) -> None:
        began = began or datetime.now(UTC).astimezone()
        try:
            self.folder = _make_folder(Path(directory), name or began.strftime(names.NAME_FORMAT))
            paper = _Folder(self.folder, clock, resampler, Redactor(secrets), began)
        except (OSError, ValueError) as exc:
            raise FileError(f"{printable(os.fspath(directory))}: cannot be recorded into: {reason_of(exc)}") from exc
        what = f"the recording in {self.folder}"
        self._scribe = Scribe[_Item](paper, name="flashlive-recorder", what=what, failed=failed)

    def __enter__(self) -> Self:
        """Begin to write."""
        self._scribe.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the files, as `close` does."""
        self.close()

    def listen(self, stamped: reports.Stamped) -> None:
        """Keep a report; see `reports.Listener`."""
        self._scribe.put(_Event(snapshot(stamped)), EVENT_BYTES)

    def sent(self, message: str, now: float) -> None:
        """Keep a message of the client as it went over the wire."""
        self._scribe.put(_Message("c", message, now), len(message))

    def received(self, message: bytes | str, now: float) -> None:
        """Keep a message of the server as it came over the wire."""
        self._scribe.put(_Message("s", message, now), len(message))

    def spoke(self, pcm: bytes, now: float) -> None:
        """
        Keep sound of the user that was sent.

        Args:
            pcm: mono s16le at 16 kHz, whole frames, any length.
            now: when its last sample was read.
        """
        start_s = now - WIRE_IN.seconds_in(len(pcm))
        self._scribe.put(_Sound(USER, pcm, start_s), len(pcm))

    def played(self, pcm: bytes, at: float) -> None:
        """
        Keep sound that was really played.

        Args:
            pcm: mono s16le at 24 kHz, whole frames, any length; silence between replies need not be told.
            at: when its first frame sounded.
        """
        self._scribe.put(_Sound(MODEL, pcm, at), len(pcm))

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish the files; wait for the disk, but not longer than that many real seconds. May be called again."""
        self._scribe.close(timeout_s)


class _Folder:
    """The files; a `scribe.Paper`, whose methods all belong to the recorder's thread."""

    def __init__(
        self, folder: Path, clock: Clock, resampler: Callable[[], Resampler], redactor: Redactor, began: datetime
    ) -> None:
        self._clock = clock
        self._redactor = redactor
        self._events = GrowingFile(folder / names.EVENTS)
        self._wire = GrowingFile(folder / names.WIRE)
        self._transcript = GrowingFile(folder / names.TRANSCRIPT)
        self._sound = StereoFile(folder / names.SOUND)
        self._teller = MarkdownTeller(self._transcript.add, began)
        self._tracks = {
            USER: Track(WIRE_IN, resampler, speed=clock.speed),
            MODEL: Track(WIRE_OUT, speed=clock.speed),
        }
        self.flush()

    def take(self, item: _Item) -> None:
        match item:
            case _Event():
                self._take_event(item)
            case _Message():
                record = {"t": round(item.now, 4), item.by: self._redactor.message(item.message)}
                self._wire.add(_line(record))
            case _Sound():
                self._tracks[item.side].take(item.pcm, item.start_s, self._clock.now())
            case _:
                assert_never(item)

    def flush(self) -> None:
        self._settle(all_of_it=False)
        for file in (self._events, self._wire, self._transcript):
            file.flush()
        self._sound.sync()

    def close(self) -> None:
        """Finish each file, also those behind one that cannot be finished."""
        self._teller.end()
        with ExitStack() as stack:
            for file in (self._sound, self._transcript, self._wire, self._events):
                stack.callback(file.close)
            self._settle(all_of_it=True)

    def _take_event(self, event: _Event) -> None:
        record = self._redactor.record(event.record)
        self._events.add(_line(record))
        self._teller.take(record)

    def _settle(self, *, all_of_it: bool) -> None:
        now = self._clock.now()
        for side, track in self._tracks.items():
            for laid in track.settle(now, all_of_it=all_of_it):
                self._sound.lay(side, laid.frame, laid.samples)


def _line(record: dict[str, object]) -> str:
    """Return a line of JSON that is safe to look at on a terminal, too."""
    return printable_json(json.dumps(record, ensure_ascii=False, separators=(",", ":"))) + "\n"


def _make_folder(directory: Path, name: str) -> Path:
    """Make a new folder that only its owner may look into."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = directory / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{name} exists already, 999 times")
