"""What the model is shown in a scenario: an image beside a turn. Needs the extra `video`; see `video/extra.py`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flashlive_cli.clock import Clock
from flashlive_cli.reports.video import When
from flashlive_cli.scenario.schema import Scenario, Turn
from flashlive_cli.session.givens import Still
from flashlive_cli.session.wishes import Show, Wish
from flashlive_cli.video.extra import load_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOW_AFTER_S: Final = 0.6
"""From the beginning of a spoken turn: where the service takes stills of speech only, it has found that by then."""


class Pictures:
    """
    The images of a scenario, shown with their turns; see `givens.Eyes`. Belongs to the event loop of the run.

    Attributes:
        wishes: what the talk is to be asked for.
    """

    name = "the scenario's images"
    when: When = "key"
    every_s = 1.0
    rest_s = 0.0

    def __init__(self, frames: "list[NDArray[Any] | None]", clock: Clock) -> None:
        """Show these, one for each turn."""
        self.wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self._frames = frames
        self._clock = clock
        self._now = next(frame for frame in frames if frame is not None)

    async def look(self, most_bytes: int, /) -> Still:
        """Return the image of the latest turn that has one."""
        from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - OpenCV, for who shows something

        return await asyncio.to_thread(make_still, self._now, most_bytes=most_bytes)

    def shown(self, still: Still, /) -> None:
        """Nothing to note."""

    def beside(self, number: int) -> tuple[Still, ...]:
        """Return what belongs to a typed turn, by its number from 0."""
        from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - OpenCV, for who shows something

        frame = self._frames[number]
        return () if frame is None else (make_still(frame),)

    async def show(self, number: int, after_s: float) -> None:
        """Show the image of a turn that is heard, if it has one, some time after it has begun."""
        frame = self._frames[number]
        if frame is not None:
            self._now = frame
            await self._clock.sleep(after_s)
            self.wishes.put_nowait(Show())


def open_pictures(scenario: Scenario, clock: Clock) -> Pictures | None:
    """
    Read the images of a scenario; None where it has none.

    Raises:
        ConfigError: the extra is not installed.
        FileError: an image cannot be read.
    """
    if not any(turn.image for turn in scenario.turn):
        return None
    load_extra("album", "stills")
    return Pictures([_frame_of(turn) for turn in scenario.turn], clock)


def _frame_of(turn: Turn) -> "NDArray[Any] | None":
    from flashlive_cli.video.album import read_image  # noqa: PLC0415 - OpenCV, for who shows something

    return None if turn.image is None else read_image(Path(turn.image))
