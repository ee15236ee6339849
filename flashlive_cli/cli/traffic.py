"""What passes over the simulator's sockets, kept in files (`--record`) and shown (`--log`)."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self, assert_never

from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable, printable_json
from flashlive_cli.private import open_private
from flashlive_cli.recording.redact import Redactor
from flashlive_cli.recording.scribe import Scribe
from flashlive_cli.sim.wire import Ended, Opened, Passed, WireEvent, compact, sound_ms

_ABOUT: Final = 100
"""Bytes of an event that is no message, roughly."""
_TAKES: Final = "--record takes a folder, or a file whose name ends in .jsonl, which is written anew"


class TrafficFiles:
    """
    Keeps all that passes as lines of JSON, without keys and handles; a context, in which it is written.

    A path that ends in `.jsonl` is one file, in which `session` numbers the sessions; any other is a folder of one
    file for each, `session-0001.jsonl` and on. A session that is taken up again goes on in its file. `take` belongs
    to the event loop's thread, and never waits.

    Args:
        path: of file or folder, which is made.
        failed: gets one message, once, when the disk is full or gone; called in the writer's thread.

    Raises:
        FileError: the file or the folder cannot be made.
    """

    def __init__(self, path: Path, *, failed: Callable[[str], None]) -> None:
        try:
            paper = _Paper(path)
        except FileExistsError as exc:
            raise FileError(f"{printable(str(path))}: is a file; {_TAKES}") from exc
        except IsADirectoryError as exc:
            raise FileError(f"{printable(str(path))}: is a folder; {_TAKES}") from exc
        except (OSError, ValueError) as exc:
            raise FileError(f"{printable(str(path))}: cannot be recorded into: {reason_of(exc)}") from exc
        self._scribe = Scribe[WireEvent](
            paper, name="flashlive-traffic", what=f"the recording in {path}", failed=failed
        )

    def __enter__(self) -> Self:
        """Begin to write."""
        self._scribe.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the files."""
        self._scribe.close()

    def take(self, event: WireEvent) -> None:
        """Keep an event."""
        self._scribe.put(event, len(event.raw) if isinstance(event, Passed) else _ABOUT)


class _Paper:
    """The files; a `scribe.Paper`. None stays open: there may be more sessions than a process may have files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._single = path.suffix == ".jsonl"
        self._waiting: dict[Path, list[str]] = {}
        self._made: set[Path] = set()
        self._began: dict[int, float] = {}
        self._redactors: dict[int, Redactor] = {}  # by connection
        if self._single:
            self._append(path, [])
        else:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, event: WireEvent) -> None:
        match event:
            case Opened():
                self._began.setdefault(event.session, event.at_s)
                self._redactors[event.connection] = Redactor([event.credential])
            case Passed():
                self._write(event.session, event.at_s, event.by, self._redactors[event.connection].message(event.raw))
            case Ended():
                redactor = self._redactors.pop(event.connection)
                told = {"by": event.by, "code": event.code, "reason": redactor.text(event.reason)}
                self._write(event.session, event.at_s, "close", told)
            case _:
                assert_never(event)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for path, lines in waiting.items():
            self._append(path, lines)

    def close(self) -> None:
        self.flush()

    def _write(self, session: int, at_s: float, by: str, what: object) -> None:
        record: dict[str, object] = {"t": round(at_s - self._began[session], 4), by: what}
        if self._single:
            record |= {"session": session}
        line = printable_json(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
        path = self._path if self._single else self._path / f"session-{session:04}.jsonl"
        self._waiting.setdefault(path, []).append(line + "\n")

    def _append(self, path: Path, lines: Sequence[str]) -> None:
        descriptor = open_private(path, os.O_APPEND if path in self._made else os.O_TRUNC)
        self._made.add(path)
        with os.fdopen(descriptor, "wb") as file:
            # a lone half of a surrogate pair is the only text that UTF-8 has no bytes for
            file.write("".join(lines).encode("utf-8", "backslashreplace"))


class TrafficLog:
    """
    Tells what passes in lines for people: sound by its length, runs of it in one line, never a key.

    Args:
        say: takes a line, safe for a terminal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._redactors: dict[int, Redactor] = {}
        self._runs: dict[tuple[int, str], tuple[int, float]] = {}

    def take(self, event: WireEvent) -> None:
        """Tell an event, or wait for the end of the run that it belongs to."""
        match event:
            case Opened():
                self._redactors[event.connection] = Redactor([event.credential])
            case Passed():
                ms = sound_ms(event.raw)
                if ms is None and event.raw.strip() == b"{}" and (event.connection, event.by) in self._runs:
                    return  # the service strews them among its sound
                if ms is None:
                    # what the client says ends no run of the server's
                    self._end_runs(event.connection, "c" if event.by == "c" else "cs")
                    self._tell(event.connection, event.by, compact(event.raw))
                else:
                    run = (event.connection, event.by)
                    n_messages, total_ms = self._runs.get(run, (0, 0.0))
                    self._runs[run] = (n_messages + 1, total_ms + ms)
            case Ended():
                self._end_runs(event.connection, "cs")
                self._tell(event.connection, event.by, f"close {event.code} {event.reason}".rstrip())
                del self._redactors[event.connection]
            case _:
                assert_never(event)

    def _end_runs(self, connection: int, sides: str) -> None:
        for by in sides:
            n_messages, total_ms = self._runs.pop((connection, by), (0, 0.0))
            if n_messages:
                self._tell(connection, by, f"sound, {total_ms:.0f} ms in {n_messages} messages")

    def _tell(self, connection: int, by: str, words: str) -> None:
        arrow = ">" if by == "c" else "<"
        self._say(printable(f"#{connection} {arrow} {self._redactors[connection].text(words)}"))
