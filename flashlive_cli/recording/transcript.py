"""The transcript of a talk as it goes, and as a file of its own (`--transcript`)."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, Self

from flashlive_cli import reports
from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private
from flashlive_cli.recording import exports, markdown, plaintext
from flashlive_cli.recording.folder import Session, in_order
from flashlive_cli.recording.lines import GrowingFile
from flashlive_cli.recording.redact import Redactor
from flashlive_cli.recording.scribe import Scribe
from flashlive_cli.recording.story import EVENT_BYTES, Entry, Record, Story, snapshot

_WHOLE_FORMS: Final = {".json": exports.as_json, ".srt": exports.as_srt, ".vtt": exports.as_vtt}
"""What cannot be appended to, and is written anew with every turn."""


class Teller(Protocol):
    """Tells a talk to a file."""

    def take(self, record: Record) -> None:
        """Take the next record, in the form of `reports.record`."""
        ...

    def end(self) -> None:
        """Tell the rest: there are no more records."""
        ...


class MarkdownTeller:
    """
    Tells a talk as Markdown that grows.

    Args:
        add: takes each piece of text.
        began: with time zone.
    """

    def __init__(self, add: Callable[[str], None], began: datetime) -> None:
        self._add = add
        self._story = Story()
        self._add(markdown.title(began))

    def take(self, record: Record) -> None:
        """See `Teller`."""
        for entry in self._story.take(record):
            self._add(markdown.paragraph(entry))
        if record.get("type") == "session.ready":
            self._add(markdown.cast(self._story))

    def end(self) -> None:
        """See `Teller`."""
        for entry in self._story.rest():
            self._add(markdown.paragraph(entry))
        self._add(markdown.ending(self._story))


class TextTeller:
    """Tells a talk as plain lines that grow; arguments as of `MarkdownTeller`."""

    def __init__(self, add: Callable[[str], None], began: datetime) -> None:
        self._add = add
        self._story = Story()
        self._began = began

    def take(self, record: Record) -> None:
        """See `Teller`."""
        for entry in self._story.take(record):
            self._add(plaintext.line(entry))
        if record.get("type") == "session.ready":
            self._add(plaintext.heading(self._began, self._story))

    def end(self) -> None:
        """See `Teller`."""
        for entry in self._story.rest():
            self._add(plaintext.line(entry))
        if self._story.ending != "cut":
            self._add(plaintext.ending(self._story))


class _GrowingTranscript:
    """A `scribe.Paper` for what can be appended to."""

    def __init__(self, path: Path, redactor: Redactor, began: datetime) -> None:
        self._file = GrowingFile(path)
        self._redactor = redactor
        teller = TextTeller if path.suffix.lower() == ".txt" else MarkdownTeller
        self._teller: Teller = teller(self._file.add, began)
        self._file.flush()

    def take(self, record: dict[str, object]) -> None:
        self._teller.take(self._redactor.record(record))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._teller.end()
        self._file.close()


class _WholeTranscript:
    """A `scribe.Paper` for what is written anew with every turn, and is whole at any moment."""

    def __init__(self, path: Path, redactor: Redactor, began: datetime) -> None:
        self._path = path = path.resolve()  # of a link, what it points to is replaced
        self._redactor = redactor
        self._began = began
        self._form = _WHOLE_FORMS[path.suffix.lower()]
        self._story = Story()
        self._entries: list[Entry] = []
        self._changed = True
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # a pipe or device takes it once, at the end
        self._replaceable = not path.exists() or stat.S_ISREG(path.stat().st_mode)
        if self._replaceable:
            self.flush()

    def take(self, record: dict[str, object]) -> None:
        entries = self._story.take(self._redactor.record(record))
        self._entries += entries
        self._changed = self._changed or bool(entries)

    def flush(self) -> None:
        if self._changed and self._replaceable:
            beside = self._path.with_name(f".{self._path.name}.part")
            try:
                self._write(beside)
                beside.replace(self._path)
            except OSError:
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)
                raise
            self._changed = False

    def close(self) -> None:
        self._entries += self._story.rest()
        self._changed = True
        if self._replaceable:
            self.flush()
        else:
            self._write(self._path)

    def _write(self, path: Path) -> None:
        text = self._form(Session(self._path.stem, self._began, self._story, in_order(self._entries)))
        with os.fdopen(open_private(path, os.O_TRUNC), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))


class TranscriptFile:
    """
    Writes the transcript of one talk into one file as the talk goes; a context, in which it writes.

    The file's suffix decides the form: `.txt`, `.json`, `.srt`, `.vtt`, else Markdown. A file that is there is
    overwritten. All methods belong to the event loop's thread; none but `close` waits.

    Args:
        path: of the file; its directory must be there.
        secrets: what must not be written: the API key.
        failed: as of `Recorder`.
        began: now, with time zone; the system's time by default.

    Raises:
        FileError: the file cannot be created.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        secrets: Collection[str] = (),
        failed: Callable[[str], None],
        began: datetime | None = None,
    ) -> None:
        name = printable(os.fspath(path))
        target = Path(path)
        paper = _WholeTranscript if target.suffix.lower() in _WHOLE_FORMS else _GrowingTranscript
        try:
            made = paper(target, Redactor(secrets), began or datetime.now(UTC).astimezone())
        except (OSError, ValueError) as exc:
            raise FileError(f"{name}: cannot be created: {reason_of(exc)}") from exc
        self._scribe = Scribe[dict[str, object]](
            made, name="flashlive-transcript", what=f"the transcript in {name}", failed=failed
        )

    def __enter__(self) -> Self:
        """Begin to write."""
        self._scribe.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the file, as `close` does."""
        self.close()

    def listen(self, stamped: reports.Stamped) -> None:
        """Tell a report; see `reports.Listener`."""
        self._scribe.put(snapshot(stamped), EVENT_BYTES)

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish the file; wait for the disk, but not longer than that many real seconds. May be called again."""
        self._scribe.close(timeout_s)
