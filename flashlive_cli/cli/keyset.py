"""Which keys a talk has, and who takes them; what they do is loaded where there are any."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.screen import Screen
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from flashlive_cli.cli.keys import Keys
    from flashlive_cli.session.wishes import Wish


def takes_keys(cast: Cast) -> bool:
    """Whether single keys are taken: in a panel, and where somebody speaks live."""
    return cast.outputs.form == "panel" or cast.ears is not None


def offered_keys(cast: Cast, settings: Config) -> tuple[str, ...]:
    """Return the keys that do something in a talk, by the names that the panel has for them."""
    microphone = ("space",) if settings.push_to_talk else ("m", "space")
    typing = ("t",) if cast.ears else ()
    showing = ("v",) if cast.seen is not None else ()
    return (*(microphone if cast.ears else ()), "esc", *typing, *showing, "?", "q")


def open_keys(
    cast: Cast,
    settings: Config,
    screen: Screen,
    wishes: "asyncio.Queue[Wish]",
    stack: AsyncExitStack,
    *,
    leave: "Callable[[], None]",
) -> "Keys | None":
    """
    Take the keys of the terminal until the stack is left; None where there are none, or lines are typed.

    Raises:
        ConfigError: push to talk, and nothing to push.
    """
    if not takes_keys(cast):
        return None
    from flashlive_cli.cli.keys import Keys  # noqa: PLC0415 - for who presses any
    from flashlive_cli.cli.pictured import Lines  # noqa: PLC0415 - the same
    from flashlive_cli.ui.terminal import Terminal  # noqa: PLC0415 - the same

    keys = Keys(
        wish=Lines(wishes.put_nowait, screen).take,
        act=screen.act,
        leave=leave,
        has_microphone=cast.ears is not None,
        pushes_to_talk=settings.push_to_talk,
        has_panel=screen.panel is not None,
        has_eyes=cast.seen is not None,
    )
    terminal = Terminal(keys.pressed, resized=screen.resized, suspending=screen.suspend, resumed=screen.resume)
    stack.enter_context(terminal)
    if terminal.available:
        return keys
    if settings.push_to_talk and cast.ears is not None:
        raise ConfigError("--push-to-talk needs a terminal, where the space bar can be pressed")
    return None
