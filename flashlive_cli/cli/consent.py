"""Whether a tool that asks first may be run: by flag, or by a key that somebody presses."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import did_you_mean

ANSWER_PATIENCE_S: Final = 60.0
SECOND_THOUGHT_S: Final = 1.0
"""After a question that was withdrawn or not answered: what is typed meanwhile counts for nothing."""
_MOST_SHOWN: Final = 12
_LONGEST_SHOWN: Final = 80
_YES: Final = {"y", "yes"}
_ALWAYS: Final = {"a", "always"}
_NO: Final = {"n", "no"}
CHOICES: Final = "[y/n/always]"

AskUser = Callable[[str], Awaitable[str | None]]
"""Put a question and wait for the answer: `y`, `n` or `always`, or such a word; None where there is no keyboard."""


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
        self._withdrawn = False

    async def __call__(self, name: str, args: Mapping[str, object]) -> str | None:
        """Return None if the call may be run, else why not, in words for the model."""
        if self._may(name):
            return None
        async with self._turn:
            if self._may(name):  # the question before this one was answered with "always"
                return None
            return await self._put(name, args)

    async def _put(self, name: str, args: Mapping[str, object]) -> str | None:
        told = ", ".join(f"{key}={_shown(value)}" for key, value in itertools.islice(args.items(), _MOST_SHOWN))
        question = f"may the model call {name}({told}{', …' if len(args) > _MOST_SHOWN else ''})?"
        if self._withdrawn:  # a key meant for that one must not answer this one
            await asyncio.sleep(SECOND_THOUGHT_S)
        self._withdrawn = True  # until it is answered
        try:
            async with asyncio.timeout(ANSWER_PATIENCE_S):
                while (answer := await self._ask(question)) is not None:
                    self._withdrawn = False
                    word = answer.strip().casefold()
                    if word in _ALWAYS:
                        self._allowed.add(name)
                    if word in _YES | _ALWAYS:
                        return None
                    if word in _NO:
                        return f"the user does not allow {name}"
                    question = f"{answer.strip()[:20]!r} is no answer: may the model call {name}?"
        except TimeoutError:
            return f"{name} needs the user's consent, and nobody answered within {ANSWER_PATIENCE_S:g} s"
        return f"{name} needs the user's consent, and nobody is at a keyboard to give it"

    def _may(self, name: str) -> bool:
        return self._everything or name in self._allowed


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


def check_names(option: str, names: Collection[str], known: Collection[str]) -> None:
    """
    Refuse names that no tool has.

    Raises:
        ConfigError: with the nearest name.
    """
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, otherwise=f"; there is {', '.join(known)}" if known else "")
            raise ConfigError(f"{option} {name}: there is no such tool{hint}")
