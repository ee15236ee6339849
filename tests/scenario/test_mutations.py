"""
No expectation that cannot fail: in each example one fault is planted, and it fails for that reason and no other.

Most faults are the simulator's: it says, calls or does otherwise than it should. A few are the client's own.
"""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flashlive_cli.audio.mouth import Mouth
from flashlive_cli.scenario.expecting import Expect, WholeExpect
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of
from tests.scenario.speeds import speed_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def flushes_late() -> Any:
    """Plant a client that goes on with the old reply for a second after it was cut."""
    flush = Mouth.flush

    def late(self: Mouth) -> int:
        asyncio.get_running_loop().call_later(self._clock.real(1.0), flush, self)
        return 0

    return patch.object(Mouth, "flush", late)


@dataclass(frozen=True)
class Planted:
    """
    A fault.

    Attributes:
        file: of the scenario.
        old, new: what is put in the place of what; of `[turn.sim]`, as a rule.
        fails: the checks that fail, as `turn.check`; turn 0 is the whole.
        keys: further keys of the expectation that are put to the test by this: those that only say how.
        client: the fault in the client, where it is one.
    """

    file: str
    old: str
    new: str
    fails: tuple[str, ...]
    keys: tuple[str, ...] = ()
    client: Callable[[], Any] = nullcontext


LONG = (
    '''reply = "This is going to be rather long, as there is a lot to say about it, and I like to hear myself talk."'''
)

PLANTED = (
    Planted(
        "pictures",
        'say = "../where-is-my-order.wav"\nimage = "../timeline.png"',
        'say = "../where-is-my-order.wav"',
        ("2.reply",),
    ),
    Planted("typed", 'reply = "We are open from nine to five."', 'reply = "We are open."', ("1.reply",)),
    Planted("typed", "from nine to five.", "from nine to five, sorry.", ("1.not_reply",)),
    Planted("spoken", 'heard = "Where is my order?"', 'heard = "Where is Mayor Doe?"', ("1.heard",)),
    Planted(
        "spoken", 'heard = "Where is my order?"', 'heard = "My order?"\ndelay_ms = 6000', ("1.first_audio_within_ms",)
    ),
    Planted(
        "spoken",
        "the number of your order.",
        f"the number of your order.{' And then its colour.' * 12}",
        ("1.complete_within_ms",),
    ),
    Planted("say-text", "cancel an appointment on Friday", "can sell ointment fryday", ("1.wer_below",)),
    Planted("understood", "the order a one thousand", "the border hey what thousand", ("1.wer_below",), ("reference",)),
    Planted("persona", "I only know about the shop.", "I am a language model in a shop.", ("0.not_reply",)),
    Planted("persona", "I only know about the shop.", "I do not know.", ("2.reply",)),
    Planted(
        "tool-call",
        '[turn.sim]\nheard = "Where is my order A-1001?"\n'
        'calls = [{ name = "check_order_status", args = { order_id = "A-1001" } }]',
        '[turn.sim]\ncalls = [{ name = "check_order_status", args = { order_id = "A1001" } }]',
        ("1.calls",),
    ),
    Planted(
        "tools-in-order", "[turn.sim]\ncalls = [", '[turn.sim]\ncalls = [\n  { name = "book_flight" },', ("1.calls",)
    ),
    Planted(
        "tools-in-parallel",
        '[turn.sim]\ncalls = [\n  { name = "get_weather", args = { city = "Berlin" } },',
        '[turn.sim]\ncalls = [\n  { name = "get_weather", args = { city = "London" } },',
        ("1.calls", "1.reply"),
        ("any_order",),
    ),
    Planted("tools-in-parallel", "any_order = true\n", "", ("1.calls",), ("any_order",)),
    Planted("tool-arguments", 'words = "Red shoes"', 'words = "Dead shoes"', ("1.calls",)),
    Planted(
        "tool-arguments", 'filter = { regex = "shoe" }, limit', 'filter = { regex = "shoes" }, limit', ("1.calls",)
    ),
    Planted("tool-arguments", "limit = 10", "page = 1", ("1.calls",)),
    Planted("tool-sequence", '"shipped"]', '"lost"]', ("2.reply",)),
    Planted(
        "tool-fails", 'error = "the database is down"', 'returns = "shipped"', ("1.calls", "1.not_reply", "1.reply")
    ),
    Planted("tool-slow", "takes_ms = 4000", "takes_ms = 12000", ("1.first_audio_within_ms",)),
    Planted(
        "tool-wrong-arguments",
        'day = "tomorrow", service = "haircut"',
        'day = "2030-01-02", service = "repair"',
        ("1.calls", "1.reply"),
    ),
    Planted("tool-among-others", 'about = "broken lamp"', 'about = "broken leg"', ("1.calls",), ("other_calls",)),
    Planted("tool-among-others", "other_calls = true\n", "", ("1.calls",), ("other_calls",)),
    Planted(
        "no-tool",
        'reply = "It is indeed."',
        'calls = [{ name = "get_weather", args = { city = "here" } }]\nreply = "It is indeed."',
        ("0.no_calls", "1.no_calls"),
    ),
    Planted(
        "no-tool", 'reply = "Goodbye."', 'calls = [{ name = "get_weather", args = { city = "x" } }]', ("0.no_calls",)
    ),
    Planted(
        "barge-in",
        'name = "barge-in"',
        'name = "barge-in"\nturn_taking = { no_interrupt = true }',
        ("2.flushed_within_ms", "2.interrupted_within_ms"),
    ),
    Planted("barge-in", LONG, LONG + '\nfaults = ["stall:seconds=8:after=2"]', ("2.interrupted_within_ms",)),
    Planted(
        "barge-in", "flushed_within_ms = 500", "flushed_within_ms = 500", ("2.flushed_within_ms",), client=flushes_late
    ),
    Planted("barge-in-typed", LONG, 'reply = "It is short."', ("2.after", "2.interrupted")),
    Planted(
        "barge-in-on-call",
        'reply = "All right, no pizza."',
        'calls = [{ name = "order_pizza", args = { n = 2 } }]\nreply = "Two, no pizza."',
        ("2.complete_within_ms", "2.no_calls"),
    ),
    Planted("no-interrupt", "turn_taking = { no_interrupt = true }", "", ("2.interrupted",)),
    Planted(
        "push-to-talk",
        "turn_taking = { push_to_talk = true }",
        "turn_taking = { silence_ms = 6000 }",
        ("1.first_audio_within_ms",),
    ),
    Planted("silence", "silence_ms = 4000", 'say_text = "Is anybody there?"', ("2.silence",)),
    Planted(
        "silence", 'reply = "Hello."', 'reply = "Hello."\nfaults = ["stall:seconds=24:after=0.2"]', ("0.no_warnings",)
    ),
    Planted(
        "knocks",
        'say = "knocks.wav"\n[turn.expect]\nsilence',
        'say = "stop.wav"\nsim = { reply = "Yes?" }\n[turn.expect]\nsilence',
        ("1.silence",),
    ),
    Planted(
        "knocks", 'say = "knocks.wav"\nafter', 'say = "stop.wav"\nafter', ("2.audio_ms", "3.interrupted", "3.silence")
    ),
    Planted("noise", 'heard = "Where is my order?"', 'heard = "(unintelligible)"', ("1.heard",)),
    Planted("models", 'city = "Berlin" } }]\nreply', 'city = "Bern" } }]\nreply', ("1.calls", "1.reply")),
    Planted("voices", "A, B, C, D, E, F, G, H, I, J, K, L, M.", "A, B.", ("1.audio_ms",)),
    Planted("greeting", "Good morning. What", "Good evening. What", ("1.reply",)),
    Planted("included", 'returns = "delivered"\n', 'returns = "shipped"\n', ("2.reply",)),
    Planted("goaway", 'faults = ["goaway-early:left=30"]', "", ("0.moves",)),
    Planted("dropped-reply", 'faults = ["drop-1006"]', "", ("0.moves",)),
    Planted(
        "dropped-reply",
        'reply = "What you buy is yours to keep."',
        'reply = "What you buy is nice to keep."',
        ("1.reply",),
    ),
    Planted("dropped-call", "There are two left.", "There are few left.", ("2.reply",)),
    Planted("stale-sound", 'faults = ["phantom-interrupt:after=2"]', "", ("1.flushed_within_ms", "1.interrupted")),
    Planted("stale-sound", "silence_ms = 2500\n[turn.expect]", 'text = "Go on."\n[turn.expect]', ("2.silence",)),
    Planted("odd-messages", '"late-transcript:seconds=0.3"', '"slow-audio:pace=0.25"', ("1.audio_ms",)),
    Planted("words-without-sound", 'reply = "Yes, I am."', 'reply = "Yes, you are."', ("1.reply",)),
    Planted(
        "long-reply",
        'name = "a long reply"',
        "name = 'x'\nfaults = ['phantom-interrupt:after=4']",
        ("1.audio_ms", "1.complete_within_ms", "1.reply"),
    ),
    Planted("cost", 'reply = "Here it is."', f'reply = "Here it is.{" And more of it." * 12}"', ("1.max_cost",)),
    Planted(
        "cost",
        'reply = "Thank you, I found it."',
        f'reply = "Thank you.{" I found it, and more of it." * 20}"',
        ("0.max_cost", "2.max_cost"),
    ),
    Planted("slow-line", "delay_ms = 500", "delay_ms = 20000", ("1.complete_within_ms",)),
)


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples") / "examples"
    shutil.copytree(EXAMPLES, folder)
    return folder / "scenarios"


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.file}-{','.join(planted.fails)}")
async def test_a_planted_fault_is_found_for_what_it_is(ground, planted):
    path = ground / f"{planted.file}.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(planted.old) == 1, "the fault is planted in one place"
    mutated = ground / f"mutated-{PLANTED.index(planted)}.toml"
    mutated.write_text(text.replace(planted.old, planted.new), encoding="utf-8")
    case = next(cases_of(read_scenario(mutated)))

    with planted.client():
        outcome = (await hold_case(case, Stage(speed=speed_of(case.scenario)))).outcome

    failed = {f"{turn.number}.{check.name}" for turn in outcome.turns for check in turn.checks if not check.ok}
    failed |= {f"0.{check.name}" for check in outcome.checks if not check.ok}
    assert outcome.status == "failed", outcome
    assert failed == set(planted.fails), outcome.reasons
    assert len(outcome.reasons) == len(failed)


def test_a_fault_is_planted_in_every_example():
    assert {planted.file for planted in PLANTED} == {path.stem for path in (EXAMPLES / "scenarios").glob("*.toml")}


def test_every_expectation_is_put_to_the_test():
    tested = {name for planted in PLANTED for name in planted.fails}
    of_turns = {name.partition(".")[2] for name in tested if not name.startswith("0.")}
    of_turns |= {key for planted in PLANTED for key in planted.keys}
    of_all = {name.removeprefix("0.") for name in tested if name.startswith("0.")}
    assert of_turns == set(Expect.model_fields) | {"after"}
    assert of_all == set(WholeExpect.model_fields)
