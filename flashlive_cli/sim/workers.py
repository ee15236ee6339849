"""A few threads for what would hold up the event loop: looking at pictures, waiting for espeak-ng."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """
    So many threads at most, however many ask: work waits for its turn, and is dropped where nobody wants it any more.

    Belongs to an event loop. Whoever is cancelled while his work is under way does not wait for it; it has to come to
    its end by itself, and keeps its thread until then.
    """

    def __init__(self, most: int, name: str) -> None:
        """Start no thread yet; they will be called `flashlive-NAME_0` and on."""
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=f"flashlive-{name}")

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` comes to in a thread, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
