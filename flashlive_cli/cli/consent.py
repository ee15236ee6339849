"""Whether a tool that asks first may be run: by flag, or by a key that somebody presses."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from flashlive_cli.errors import ConfigError

ANSWER_PATIENCE_S: Final = 60.0
_YES: Final = {"y", "yes"}
_ALWAYS: Final = {"a", "always"}
_NO: Final = {"n", "no"}
_CHOICES: Final = "[y/n/always]"

AskUser = Callable[[str], Awaitable[str | None]]
"""Put a question and wait for the line typed; None where there is no keyboard."""


class Consent:
    """
    The user's word on tools that ask first; see `calls.Consent`.

    Belongs to the event loop. Questions are put one after another, and the talk goes on meanwhile.
    """

    def __init__(self, ask: AskUser, *, everything: bool, allowed: Collection[str]) -> None:
        """Ask by `ask`, but for tools in `allowed`, or for none at all where `everything` is allowed."""
        self._ask = ask
        self._everything = everything
        self._allowed = set(allowed)
        self._turn = asyncio.Lock()

    async def __call__(self, name: str, args: Mapping[str, object]) -> str | None:
        """Return None if the call may be run, else why not, in words for the model."""
        if self._may(name):
            return None
        async with self._turn:
            if self._may(name):  # the question before this one was answered with "always"
                return None
            return await self._put(name, args)

    async def _put(self, name: str, args: Mapping[str, object]) -> str | None:
        told = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in args.items())
        question = f"may the model call {name}({told})? {_CHOICES}"
        try:
            async with asyncio.timeout(ANSWER_PATIENCE_S):
                while (answer := await self._ask(question)) is not None:
                    word = answer.strip().casefold()
                    if word in _ALWAYS:
                        self._allowed.add(name)
                    if word in _YES | _ALWAYS:
                        return None
                    if word in _NO:
                        return f"the user does not allow {name}"
                    question = f"{answer.strip()[:20]!r} is no answer: may the model call {name}? {_CHOICES}"
        except TimeoutError:
            return f"{name} needs the user's consent, and nobody answered within {ANSWER_PATIENCE_S:g} s"
        return f"{name} needs the user's consent, and nobody is at a keyboard to give it"

    def _may(self, name: str) -> bool:
        return self._everything or name in self._allowed


def check_names(option: str, names: Collection[str], known: Collection[str]) -> None:
    """
    Refuse names that no tool has.

    Raises:
        ConfigError: with the nearest name.
    """
    import difflib  # noqa: PLC0415 - for a slip

    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            nearest = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(known)}" if known else ""
            raise ConfigError(f"{option} {name}: there is no such tool{nearest}")
