"""What keys do to a talk and to its panel."""

import asyncio

import pytest

from flashlive_cli.cli import keys
from flashlive_cli.cli.keys import Keys
from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.session.wishes import Mute, Push, Say, StopReply, Wish
from flashlive_cli.ui.acts import Act, HelpSwitched, HintShown, LineTyped, QuestionPut
from flashlive_cli.ui.keys import Key, KeyParser


class Desk:
    """A user at the keys of a talk; `wishes`, `acts` and `left` are what came of it."""

    def __init__(self, *, has_microphone: bool = True, pushes_to_talk: bool = False, has_panel: bool = True) -> None:
        self.wishes: list[Wish] = []
        self.acts: list[Act] = []
        self.left = 0
        self._parser = KeyParser()
        self.keys = Keys(
            wish=self.wishes.append,
            act=self.acts.append,
            leave=self._leave,
            has_microphone=has_microphone,
            pushes_to_talk=pushes_to_talk,
            has_panel=has_panel,
        )

    def _leave(self) -> None:
        self.left += 1

    def press(self, typed: str) -> None:
        """Press the keys that a terminal sends like this."""
        keys = [*self._parser.feed(typed.encode(), 0.0), *self._parser.flush(1.0)]
        self.keys.pressed([key for key in keys if isinstance(key, Key)])


async def test_m_mutes_and_opens_again() -> None:
    desk = Desk()
    desk.press("m")
    desk.press("m")

    assert desk.wishes == [Mute(True), Mute(False)]


async def test_esc_stops_the_voice_and_q_leaves() -> None:
    desk = Desk()
    desk.press("\x1b")
    desk.press("q")

    assert desk.wishes == [StopReply()]
    assert desk.left == 1


async def test_help_is_shown_and_put_away_by_the_same_key_or_by_esc() -> None:
    desk = Desk()
    for typed in ("?", "?", "?", "\x1b"):
        desk.press(typed)

    assert desk.acts == [HelpSwitched(True), HelpSwitched(False), HelpSwitched(True), HelpSwitched(False)]
    assert desk.wishes == []


async def test_a_typed_line_is_shown_as_it_grows_and_said_when_it_is_sent() -> None:
    desk = Desk()
    desk.press("thi q\r")

    assert desk.acts[0] == LineTyped("")
    assert desk.acts[-2:] == [LineTyped("hi q", 4), LineTyped(None)]
    assert desk.wishes == [Say("hi q")]
    assert not desk.left, "a q that is typed is a letter"


async def test_a_line_given_up_is_not_said_and_the_one_before_comes_back_by_arrow() -> None:
    desk = Desk()
    desk.press("tone\r")
    desk.press("ttwo")
    desk.press("\x1b")
    desk.press("t\x1b[A\r")

    assert desk.wishes == [Say("one"), Say("one")]


@pytest.mark.parametrize(("typed", "word"), [("y", "yes"), ("Y", "yes"), ("n", "no"), ("a", "always"), ("\x1b", "no")])
async def test_a_question_has_the_keys_until_it_is_answered(typed, word, monkeypatch) -> None:
    monkeypatch.setattr(keys, "SETTLE_S", 0.0)
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(desk.keys.answer("may it?"))
        await asyncio.sleep(0)
        desk.press("qmx")
        desk.press(typed)

    assert asked.result() == word
    assert desk.acts == [QuestionPut("may it?"), QuestionPut(None)]
    assert (desk.wishes, desk.left) == ([], 0)


async def test_a_question_that_is_withdrawn_is_put_away() -> None:
    desk = Desk()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await desk.keys.answer("may it?")
    desk.press("y")

    assert desk.acts == [QuestionPut("may it?"), QuestionPut(None)]


async def test_where_the_microphone_is_open_the_space_bar_says_what_it_is_for() -> None:
    desk = Desk()
    desk.press(" ")
    desk.press("x")

    assert desk.wishes == []
    assert [type(act) for act in desk.acts] == [HintShown, HintShown]
    assert desk.acts[-1] == HintShown(None)


@pytest.mark.parametrize("pushes_to_talk", [True, False])
async def test_the_space_bar_opens_a_waiting_or_muted_microphone_by_a_tap_until_the_next(pushes_to_talk) -> None:
    desk = Desk(pushes_to_talk=pushes_to_talk)
    if not pushes_to_talk:
        desk.press("m")
    desk.wishes.clear()
    desk.press(" ")
    assert desk.wishes == [Push(True)]

    desk.press(" ")  # a tap, as nothing follows
    async with asyncio.timeout(10):
        while len(desk.wishes) < 2:
            await asyncio.sleep(0.005)
    assert desk.wishes == [Push(True), Push(False)]


async def test_holding_the_space_bar_where_releases_are_reported_opens_it_as_long() -> None:
    desk = Desk(pushes_to_talk=True)
    desk.press("\x1b[32;1:1u\x1b[32;1:3u")  # a terminal that reports releases shows that by its first
    desk.press("\x1b[32;1:1u\x1b[32;1:3u")
    desk.wishes.clear()

    desk.press("\x1b[32;1:1u")
    await asyncio.sleep(0.4)
    assert desk.wishes == [Push(True)]
    desk.press("\x1b[32;1:3u")
    assert desk.wishes == [Push(True), Push(False)]


async def test_beginning_to_type_lets_the_space_bar_go() -> None:
    desk = Desk(pushes_to_talk=True)
    desk.press(" ")
    desk.press("t a\r")

    assert desk.wishes == [Push(True), Push(False), Say("a")]


async def test_in_a_talk_from_files_there_is_nothing_to_mute_and_it_says_so() -> None:
    desk = Desk(has_microphone=False)
    desk.press("mt ")

    assert desk.wishes == []
    assert {type(act) for act in desk.acts} == {HintShown}


async def test_in_lines_there_is_nothing_to_type_on_and_each_question_mark_explains_the_keys() -> None:
    desk = Desk(has_panel=False)
    for typed in ("t", "?", "?", "\x1b"):
        desk.press(typed)

    assert desk.acts == [HelpSwitched(True), HelpSwitched(True)]
    assert desk.wishes == [StopReply()]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("m", "space", "esc", "?", "q"), "m mutes, space pushes to talk, esc stops the voice, q quits"),
        (("space", "esc", "?", "q"), "space pushes to talk, esc stops the voice, q quits"),
    ],
)
async def test_in_lines_the_keys_that_are_explained_are_those_that_do_something(capsys, keys, told) -> None:
    screen = Screen(
        "plain", Clock(), data=None, sound_on_stdout=False, failed=lambda failure: pytest.fail(str(failure)), keys=keys
    )
    with screen.shown():
        screen.act(HelpSwitched(True))

    assert capsys.readouterr().err == f"flashlive: {told}\n"


async def test_push_to_talk_is_not_muted_beside() -> None:
    desk = Desk(pushes_to_talk=True)
    desk.press("m")

    assert desk.wishes == []


async def test_keys_pressed_as_a_question_appears_do_not_answer_it(monkeypatch) -> None:
    monkeypatch.setattr(keys, "SETTLE_S", 0.05)
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(desk.keys.answer("may it?"))
        await asyncio.sleep(0)
        desk.press("ayay")
        await asyncio.sleep(0.1)
        assert not asked.done()
        desk.press("n")

    assert asked.result() == "no"


async def test_a_line_that_is_being_typed_is_finished_before_a_question_is_put(monkeypatch) -> None:
    monkeypatch.setattr(keys, "SETTLE_S", 0.0)
    desk = Desk()
    desk.press("tmay")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(desk.keys.answer("may it?"))
        await asyncio.sleep(0)
        desk.press(" y\r")
        assert desk.wishes == [Say("may y")]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert desk.acts[-1] == QuestionPut("may it?")
        desk.press("y")

    assert asked.result() == "yes"
