"""Tools files that are saved during a talk: looked at twice a second, loaded again, taken up at a quiet moment."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flashlive_cli.errors import ToolError
from flashlive_cli.inthread import begin
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    from flashlive_cli.toolbox import Toolbox

CHECK_S: Final = 0.5
State = tuple[tuple[int, int] | None, ...]


class Reloader:
    """
    Watches tools files; belongs to the event loop. `start` it, and `stop` it at the end.

    A change is taken up when two looks in a row see the same: an editor may write a file in pieces.
    """

    def __init__(
        self, paths: Sequence[Path], *, loaded: "Callable[[Toolbox], None]", failed: Callable[[str], None]
    ) -> None:
        """
        Be for some files.

        Args:
            paths: tools files.
            loaded: gets the toolbox of a version that loads.
            failed: gets the reason, in a line, why one does not; the tools of before stay.
        """
        self._paths = paths
        self._loaded = loaded
        self._failed = failed
        self._taken = self._seen = _state_of(paths)
        self._loading: asyncio.Future[Toolbox] | None = None
        self._check: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look every now and then."""
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._look)

    def stop(self) -> None:
        """Look no more; a version that is being loaded is dropped."""
        if self._check is not None:
            self._check.cancel()
        if self._loading is not None:
            self._loading.cancel()

    def _look(self) -> None:
        now = _state_of(self._paths)
        settled = now == self._seen
        self._seen = now
        if settled and None in now and now != self._taken:
            self._taken = now
            gone = self._paths[now.index(None)]
            self._failed(printable(f"{gone} is gone; the tools of before stay"))
        elif settled and now != self._taken and self._loading is None:
            self._taken = now
            self._loading = begin(self._load, name="tools")  # a file may take its time to import
            self._loading.add_done_callback(self._done)
        self.start()

    def _load(self) -> "Toolbox":
        from flashlive_cli.toolbox import load_tools  # noqa: PLC0415 - loaded long since

        return load_tools(*self._paths, in_talk=True)

    def _done(self, loading: "asyncio.Future[Toolbox]") -> None:
        self._loading = None
        if loading.cancelled():
            return
        error = loading.exception()
        if error is None:
            self._loaded(loading.result())
        else:
            reason = str(error) if isinstance(error, ToolError) else f"{type(error).__name__}: {error}"
            self._failed(printable(f"{reason}; the tools of before stay"))


def _state_of(paths: Sequence[Path]) -> State:
    """Tell versions of files apart: time and size of each; None for one that cannot be seen."""
    return tuple(_one_state(path) for path in paths)


def _one_state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
