"""The eyes of a talk: what `--video` names, as the session asks for it."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config
from flashlive_cli.reports.video import When

if TYPE_CHECKING:
    from flashlive_cli.session.givens import Still
    from flashlive_cli.video.eye import Eye


class TalkEyes:
    """Looks, and shows the user what the model is shown; see `givens.Eyes`. Belongs to the talk's event loop."""

    def __init__(self, eye: "Eye", screen: Screen, *, when: When, every_s: float) -> None:
        self.when: When = when
        self.every_s = every_s
        self._eye = eye
        self._screen = screen

    @property
    def name(self) -> str:
        """What they look at."""
        return self._eye.name

    @property
    def rest_s(self) -> float:
        """Real seconds to leave them alone."""
        return self._eye.rest_s

    async def look(self, most_bytes: int) -> "Still":
        """Return what there is to be seen now. Raises as `Eye.look` does."""
        return await self._eye.look(most_bytes)

    def shown(self, still: "Still") -> None:
        """Show the user in small what went out."""
        show_preview(still, self._screen)


def show_preview(still: "Still", screen: Screen) -> None:
    """Show a still in small, where it was made with a preview and there is a panel."""
    from flashlive_cli.ui.acts import PictureShown  # noqa: PLC0415 - for who sends pictures
    from flashlive_cli.video.still import Still as OurStill  # noqa: PLC0415 - the same

    if isinstance(still, OurStill) and still.preview is not None:
        preview = still.preview
        screen.act(PictureShown(preview.width, preview.height, preview.rgb, preview.jpeg))


def open_eyes(cast: Cast, settings: Config, clock: Clock, screen: Screen, stack: AsyncExitStack) -> TalkEyes | None:
    """Begin to load what looking needs; None where nothing is to be seen. Closed with the stack."""
    if cast.seen is None:
        return None
    from flashlive_cli.video.eye import Eye  # noqa: PLC0415 - for who sends pictures

    eye = Eye(cast.seen, clock, with_previews=screen.panel is not None)
    eye.prepare()
    stack.push_async_callback(eye.close)
    return TalkEyes(eye, screen, when=settings.video_when, every_s=1 / settings.video_fps)
