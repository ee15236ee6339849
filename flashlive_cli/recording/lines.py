"""A text file that grows by whole pieces."""

import contextlib
import os
from pathlib import Path

from flashlive_cli.private import open_private


class GrowingFile:
    """
    Appends text to a new file, only its owner's to read; one thread at a time.

    What is added is written by `flush`, at once. If that fails, what came only in part is cut off again.

    Raises:
        OSError: from all methods but `add`.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = open_private(path, os.O_TRUNC)
        self._pieces: list[str] = []
        self._n_bytes = 0

    def add(self, text: str) -> None:
        """Append a piece, at the next `flush`."""
        self._pieces.append(text)

    def flush(self) -> None:
        """Write what was added."""
        if not self._pieces:
            return
        # a lone half of a surrogate pair is the only text that UTF-8 has no bytes for
        view = memoryview("".join(self._pieces).encode("utf-8", "backslashreplace"))
        self._pieces.clear()
        n_bytes = len(view)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):  # a pipe, or a disk that is gone
                os.ftruncate(self._descriptor, self._n_bytes)
            raise
        self._n_bytes += n_bytes

    def close(self) -> None:
        """Write what was added and close; may be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        self._descriptor = descriptor
        try:
            self.flush()
        finally:
            self._descriptor = -1
            os.close(descriptor)
