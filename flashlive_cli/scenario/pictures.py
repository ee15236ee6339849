"""What the model is shown in a scenario: an image beside a turn. Needs the extra `video`; see `video/extra.py`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flashlive_cli.clock import Clock
from flashlive_cli.reports.video import When
from flashlive_cli.scenario.course import Shown
from flashlive_cli.scenario.schema import Scenario
from flashlive_cli.session.givens import Still
from flashlive_cli.session.wishes import Show, Wish
from flashlive_cli.video.extra import load_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashlive_cli.video.still import Still as Made

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

    def __init__(
        self, frames: "dict[int, tuple[str, NDArray[Any]]]", clock: Clock, on_shown: Callable[[Shown], object]
    ) -> None:
        """
        Show what there is.

        Args:
            frames: names and images, by the number of the turn from 0; not empty.
            clock: times it.
            on_shown: told in the loop of each that went out.
        """
        self.wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self._frames = frames
        self._clock = clock
        self._on_shown = on_shown
        self._now = min(frames)
        self._made: list[tuple[Made, int]] = []

    async def look(self, most_bytes: int, /) -> Still:
        """Return the image of the latest turn that has one."""
        from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - OpenCV, for who shows something

        number = self._now
        _, frame = self._frames[number]
        still = await asyncio.to_thread(make_still, frame, most_bytes=most_bytes, with_preview=True)
        self._made.append((still, number))
        return still

    def shown(self, still: Still, /) -> None:
        """Tell of what went out; see `givens.Eyes`."""
        for made, number in self._made:
            if made is still and made.preview is not None:
                name, _ = self._frames[number]
                self._on_shown(Shown(number + 1, self._clock.now(), name, made.preview.jpeg))

    def beside(self, number: int) -> tuple[Still, ...]:
        """Return what belongs to a typed turn, by its number from 0."""
        from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - OpenCV, for who shows something

        if number not in self._frames:
            return ()
        _, frame = self._frames[number]
        still = make_still(frame, with_preview=True)
        self._made.append((still, number))
        return (still,)

    async def show(self, number: int, after_s: float) -> None:
        """Show the image of a turn that is heard, if it has one, some time after it has begun."""
        if number in self._frames:
            self._now = number
            await self._clock.sleep(after_s)
            self.wishes.put_nowait(Show())


def open_pictures(scenario: Scenario, clock: Clock, on_shown: Callable[[Shown], object]) -> Pictures | None:
    """
    Read the images of a scenario; None where it has none. See `Pictures`.

    Raises:
        ConfigError: the extra is not installed.
        FileError: an image cannot be read.
    """
    paths = {number: Path(turn.image) for number, turn in enumerate(scenario.turn) if turn.image}
    if not paths:
        return None
    load_extra("album", "stills")
    from flashlive_cli.video.album import read_image  # noqa: PLC0415 - OpenCV, for who shows something

    return Pictures({number: (path.name, read_image(path)) for number, path in paths.items()}, clock, on_shown)
