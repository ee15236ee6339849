"""What the user presses in mid-talk, made wishes of the talk and acts of the panel."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.pictured import Lines
from flashlive_cli.cli.screen import Screen
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError
from flashlive_cli.session.wishes import Mute, Push, Say, Show, StopReply, Wish
from flashlive_cli.ui.acts import Act, HelpSwitched, HintShown, LineTyped, QuestionPut
from flashlive_cli.ui.editor import Line, Sent, edit
from flashlive_cli.ui.holding import Action, Holding
from flashlive_cli.ui.keys import Key

MOST_FORMER: Final = 100
SETTLE_S: Final = 0.6
"""A question takes no key before this much quiet: who was pressing keys has to see it first."""
_ANSWERS: Final = {"y": "yes", "n": "no", "a": "always", "esc": "no"}
_OPEN_HINT: Final = "the microphone is open: m mutes it, and then space opens it for as long as it is held"
_NO_MICROPHONE_HINT: Final = "nobody speaks here but the files: esc stops the voice, q quits"


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
    cast: Cast, settings: Config, screen: Screen, wishes: asyncio.Queue[Wish], stack: AsyncExitStack
) -> "Keys | None":
    """
    Take the keys of the terminal until the stack is left; None where there are none, or lines are typed.

    Raises:
        ConfigError: push to talk, and nothing to push.
    """
    if not takes_keys(cast):
        return None
    from flashlive_cli.ui.terminal import Terminal  # noqa: PLC0415 - for who is at one

    keys = Keys(
        wish=Lines(wishes.put_nowait, screen).take,
        act=screen.act,
        leave=screen.leave,
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


class Keys:
    """
    Takes the keys of one talk; belongs to its event loop.

    A question that waits has them first, then a line being typed; else each is a command.
    """

    def __init__(
        self,
        *,
        wish: Callable[[Wish], None],
        act: Callable[[Act], None],
        leave: Callable[[], None],
        has_microphone: bool,
        pushes_to_talk: bool,
        has_panel: bool = True,
        has_eyes: bool = False,
    ) -> None:
        """
        Send wishes to the talk, acts to the panel, and `leave` for the end.

        Args:
            wish: takes what the talk is to do.
            act: takes what the panel is to show.
            leave: ends the talk politely.
            has_microphone: the user speaks live: there is something to mute, and type in between.
            pushes_to_talk: the microphone waits for the space bar.
            has_panel: a line can be seen while it is typed.
            has_eyes: there is something to be seen, which can be shown to the model.
        """
        self._wish = wish
        self._act = act
        self._leave = leave
        self._has_microphone = has_microphone
        self._pushes_to_talk = pushes_to_talk
        self._has_panel = has_panel
        self._has_eyes = has_eyes
        self._loop = asyncio.get_running_loop()
        self._muted = False
        self._helps = False
        self._hints = False
        self._line: Line | None = None
        self._former: tuple[str, ...] = ()
        self._line_ended = asyncio.Event()
        self._answer: asyncio.Future[str] | None = None
        self._quiet_until = 0.0
        self._holding = Holding("space")
        self._check: asyncio.TimerHandle | None = None

    def pressed(self, keys: Sequence[Key]) -> None:
        """Take keys as they come, repeats and releases too."""
        for key in keys:
            self._take(key)

    async def answer(self, question: str) -> str:
        """
        Put a question and wait for the key that answers it: `yes`, `no` or `always`.

        A line that is being typed is finished first, and keys that were meant for something else answer nothing.
        """
        while self._line is not None:
            await self._line_ended.wait()
        self._let_go()
        self._answer = self._loop.create_future()
        self._quiet_until = self._loop.time() + SETTLE_S
        self._act(QuestionPut(question))
        try:
            return await self._answer
        finally:
            self._answer = None
            self._act(QuestionPut(None))

    def _take(self, key: Key) -> None:
        if key.name.rsplit("-", 1)[-1] == "space" and key.kind == "release":
            self._push(self._holding.pressed(key, self._loop.time()))
        elif self._answer is not None:
            self._answer_by(key, self._answer)
        elif self._line is not None:
            self._type(self._line, key)
        elif key.name == "space":
            self._space(key)
        elif key.kind == "press":
            self._command(key.name)

    def _answer_by(self, key: Key, answer: "asyncio.Future[str]") -> None:
        now = self._loop.time()
        if now < self._quiet_until:  # it was pressed before anybody can have read the question
            self._quiet_until = now + SETTLE_S
            return
        word = _ANSWERS.get(key.name.lower()) if key.kind == "press" else None
        if word is not None and not answer.done():
            answer.set_result(word)

    def _command(self, name: str) -> None:
        if self._hints:
            self._hint(None)
        match name.lower():
            case "esc" if self._helps:
                self._help(False)
            case "esc":
                self._wish(StopReply())
            case "?":
                self._help(not self._helps)
            case "q":
                self._leave()
            case "v" if self._has_eyes:
                self._wish(Show())
            case "m" | "t" if not self._has_microphone:
                self._hint(_NO_MICROPHONE_HINT)
            case "m" if not self._pushes_to_talk:
                self._muted = not self._muted
                self._let_go()
                self._wish(Mute(self._muted))
            case "t" if self._has_panel:
                self._let_go()
                self._show(Line(former=self._former))
            case _:
                pass

    def _space(self, key: Key) -> None:
        if not self._has_microphone:
            if key.kind == "press":
                self._hint(_NO_MICROPHONE_HINT)
        elif self._pushes_to_talk or self._muted:
            self._push(self._holding.pressed(key, self._loop.time()))
        elif key.kind == "press":
            self._hint(_OPEN_HINT)

    def _push(self, action: Action | None) -> None:
        if action is not None:
            self._wish(Push(action == "start"))
        if self._check is not None:
            self._check.cancel()
            self._check = None
        if self._holding.next_check is not None:
            self._check = self._loop.call_at(self._holding.next_check, self._tick)

    def _tick(self) -> None:
        self._push(self._holding.tick(self._loop.time()))

    def _let_go(self) -> None:
        """Stop pushing to talk: the key means something else from here on."""
        self._push(self._holding.let_go())

    def _type(self, line: Line, key: Key) -> None:
        match edit(line, key):
            case Line() as changed:
                self._show(changed)
            case Sent(text):
                self._former = (*self._former, text)[-MOST_FORMER:]
                self._show(None)
                self._wish(Say(text))
            case _:
                self._show(None)

    def _show(self, line: Line | None) -> None:
        self._line = line
        if line is None:
            self._line_ended.set()
        else:
            self._line_ended.clear()
        self._act(LineTyped(None) if line is None else LineTyped(line.text, line.cursor))

    def _help(self, shown: bool) -> None:
        self._helps = shown and self._has_panel  # a line that explains the keys cannot be put away
        self._act(HelpSwitched(shown))

    def _hint(self, text: str | None) -> None:
        self._hints = text is not None
        self._act(HintShown(text))
