"""What a turn was expected to bring, held against what it brought: each expectation met, and not met."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flashlive_cli.scenario import judging
from flashlive_cli.scenario.course import Called, Course, Replied, TurnCourse
from flashlive_cli.scenario.expecting import Call, Expect, WholeExpect
from flashlive_cli.scenario.judging import figures_of, judge_turn, judge_whole
from flashlive_cli.scenario.schema import Scenario, Turn


def call(name, ok=True, repeats=False, **args):
    return Called("id", name, args, 2.0, ok=ok, repeats=repeats)


def course(**fields):
    """A turn that was asked from 1 to 2 s and answered from 3 to 5 s."""
    usual = {
        "heard": "where is it",
        "replies": [Replied(2.9, "It is on its way.", ended_s=5.0)],
        "asked_from_s": 1.0,
        "asked_until_s": 2.0,
        "answered_from_s": 3.0,
        "answered_until_s": 5.0,
        "cost_usd": 0.002,
    }
    return TurnCourse(0.5, **{**usual, **fields})


UNANSWERED = {"replies": [], "answered_from_s": None, "answered_until_s": None}
CUT = {"interrupted_s": 1.4, "silenced_s": 1.45}
SOUND_ONLY = {"replies": [Replied(2.9)]}
WORDS_ONLY = {"answered_from_s": None, "answered_until_s": None}
F, G = {"name": "f"}, {"name": "g"}


@pytest.mark.parametrize(
    ("expect", "met", "not_met"),
    [
        ({"heard": "is it$"}, {}, {"heard": ""}),
        ({"reply": "on its way"}, {}, {"replies": [Replied(2.9, "No.")]}),
        ({"reply": "(?i)IT IS"}, {}, UNANSWERED),
        ({"not_reply": "sorry"}, {}, {"replies": [Replied(2.9, "I am sorry.")]}),
        ({"calls": [F]}, {"calls": [call("f")]}, {"calls": []}),
        ({"calls": []}, {}, {"calls": [call("f")]}),
        ({"no_calls": True}, {}, {"calls": [call("f")]}),
        ({"silence": True}, UNANSWERED, {}),
        ({"silence": True}, UNANSWERED, SOUND_ONLY),
        ({"silence": True}, UNANSWERED, WORDS_ONLY),
        ({"interrupted": True}, CUT, {}),
        ({"interrupted": False}, {}, CUT),
        ({"interrupted_within_ms": 400}, CUT, {"interrupted_s": 1.41}),
        ({"interrupted_within_ms": 400}, CUT, {}),
        ({"flushed_within_ms": 50}, CUT, CUT | {"silenced_s": 1.46}),
        ({"flushed_within_ms": 0}, CUT | {"silenced_s": 1.2}, {}),
        ({"first_audio_within_ms": 1000}, {}, {"answered_from_s": 3.01}),
        ({"first_audio_within_ms": 1000}, {}, WORDS_ONLY),
        ({"complete_within_ms": 3000}, {}, {"answered_until_s": 5.01}),
        ({"complete_within_ms": 3000}, {}, {"answered_until_s": None}),
        ({"audio_ms": {"min": 2000}}, {}, {"answered_until_s": 4.99}),
        ({"audio_ms": {"max": 2000}}, {}, {"answered_until_s": 5.01}),
        ({"audio_ms": {"min": 1, "max": 2000}}, {}, {"answered_until_s": None}),
        ({"max_cost": 0.002}, {}, {"cost_usd": 0.0021}),
        ({"max_cost": 0.002}, {}, {"cost_usd": None}),
        ({"wer_below": 0.34, "reference": "Where is she?"}, {}, {"heard": "there is he"}),
    ],
)
def test_an_expectation_is_met_or_not(expect, met, not_met):
    turn = Turn(text="x", expect=Expect.model_validate(expect))
    (check,) = judge_turn(turn, course(**met))
    assert check.ok, check.sentence
    assert check.name in expect
    (check,) = judge_turn(turn, course(**not_met))
    assert not check.ok, check.sentence


def test_the_spoken_text_is_the_reference_where_none_is_given():
    turn = Turn(say_text="Where is it?", expect=Expect(wer_below=0.1))
    assert judge_turn(turn, course())[0].ok
    assert not judge_turn(turn, course(heard="there is it"))[0].ok


def test_a_turn_that_never_began_fails_whatever_was_expected():
    (check,) = judge_turn(Turn(text="x"), None)
    assert (check.name, check.ok) == ("turn", False)


def test_nothing_is_expected_of_a_turn_that_says_nothing_of_it():
    assert judge_turn(Turn(text="x"), course()) == ()


@pytest.mark.parametrize(
    ("expect", "met", "not_met"),
    [
        ({"not_reply": "Google"}, ["a", "b"], ["a", "I am Google."]),
        ({"no_calls": True}, {}, {"calls": [call("f")]}),
        ({"max_cost": 0.1}, {"cost_usd": 0.1}, {"cost_usd": 0.11}),
        ({"max_cost": 0.1}, {"cost_usd": 0.1}, {"cost_usd": None}),
        ({"moves": 1}, {"moves": 1}, {"moves": 0}),
        ({"moves": 0}, {"moves": 0}, {"moves": 2}),
        ({"no_warnings": True}, {"warnings": []}, {"warnings": ["slow"]}),
    ],
)
def test_an_expectation_of_the_whole_is_met_or_not(expect, met, not_met):
    def whole(given):
        made = Course()
        replies = given if isinstance(given, list) else ["a"]
        made.turns = [course(replies=[Replied(2.9, text)]) for text in replies]
        for name, value in given.items() if isinstance(given, dict) else ():
            setattr(made.turns[-1] if name == "calls" else made, name, value)
        return made

    (check,) = judge_whole(WholeExpect.model_validate(expect), whole(met))
    assert check.ok, check.sentence
    (check,) = judge_whole(WholeExpect.model_validate(expect), whole(not_met))
    assert not check.ok, check.sentence


@pytest.mark.parametrize(
    ("rule", "fits", "does_not"),
    [
        (1, [{"a": 1}, {"a": 1.0}, {"a": 1, "b": 2}], [{"a": 2}, {"a": "1"}, {"a": True}, {}]),
        (True, [{"a": True}], [{"a": 1}, {"a": "true"}]),
        ("x", [{"a": "x"}], [{"a": "X"}, {"a": ["x"]}, {"a": None}]),
        ([1, 2], [{"a": [1, 2.0]}], [{"a": [2, 1]}, {"a": [1]}]),
        ({"equals": {"k": 1, "l": 2}}, [{"a": {"l": 2, "k": 1}}], [{"a": {"k": 1}}]),
        ({"regex": "^A-\\d+$"}, [{"a": "A-17"}], [{"a": "A-"}, {}]),
        ({"regex": "^17$"}, [{"a": 17}, {"a": "17"}], [{"a": 171}]),
        ({"regex": "null"}, [{"a": None}], [{}]),
        ({"absent": True}, [{}, {"b": 1}], [{"a": None}, {"a": 1}]),
        ({"equals": {"regex": "x"}}, [{"a": {"regex": "x"}}], [{"a": "x"}]),
        ({"equals": {"absent": True}}, [{"a": {"absent": True}}], [{}]),
    ],
)
def test_a_rule_for_an_argument(rule, fits, does_not):
    wanted = Call(name="f", args={"a": rule})
    assert all(judging._fits(wanted, call("f", **args)) for args in fits)
    assert not any(judging._fits(wanted, call("f", **args)) for args in does_not)
    assert not any(judging._fits(wanted, call("g", **args)) for args in fits)


@pytest.mark.parametrize(
    "rule", [{"regex": "("}, {"regex": "a", "absent": True}, {"absent": False}, {"regex": "a", "x": 1}]
)
def test_a_rule_that_is_none_is_refused(rule):
    with pytest.raises(ValidationError, match="the rule for a: "):
        Call(name="f", args={"a": rule})


@pytest.mark.parametrize(("ok", "fits"), [(True, [True]), (False, [False]), (None, [True, False, None])])
def test_how_a_call_was_answered_may_matter(ok, fits):
    for answered in (True, False, None):
        assert judging._fits(Call(name="f", ok=ok), call("f", ok=answered)) is (answered in fits)


@pytest.mark.parametrize(
    ("expect", "made", "ok"),
    [
        ({"calls": [F, G]}, "fg", True),
        ({"calls": [F, G]}, "gf", False),
        ({"calls": [F, G]}, "fgh", False),
        ({"calls": [F, G]}, "f", False),
        ({"calls": [F, F]}, "f", False),
        ({"calls": [F, G], "any_order": True}, "gf", True),
        ({"calls": [F, G], "any_order": True}, "gff", False),
        ({"calls": [F, F], "any_order": True}, "fg", False),
        ({"calls": [F, G], "other_calls": True}, "hfhgh", True),
        ({"calls": [F, G], "other_calls": True}, "ghf", False),
        ({"calls": [F, G], "other_calls": True, "any_order": True}, "ghf", True),
        ({"calls": [F, G], "other_calls": True, "any_order": True}, "hff", False),
    ],
)
def test_order_and_others(expect, made, ok):
    turn = Turn(text="x", expect=Expect.model_validate(expect))
    (check,) = judge_turn(turn, course(calls=[call(name) for name in made]))
    assert check.ok is ok, check.sentence


def test_a_call_that_the_service_repeats_by_itself_is_no_other():
    turn = Turn(text="x", expect=Expect(calls=[Call(name="f")]))
    assert judge_turn(turn, course(calls=[call("f"), call("f", repeats=True)]))[0].ok


@given(st.lists(st.sets(st.integers(0, 4), max_size=3), max_size=5), st.integers(0, 5))
def test_in_any_order_is_a_matching(fitting, n_made):
    """Each wanted call has a number of made ones that fit; by brute force, some choice gives each its own."""
    wanted = [Call(name="f", args={"n": {"regex": f"^({'|'.join(map(str, fits)) or 'none'})$"}}) for fits in fitting]
    made = [call("f", n=number) for number in range(n_made)]
    possible = any(
        all(chosen in fits for fits, chosen in zip(fitting, choice, strict=True))
        for choice in permutations(range(n_made), len(fitting))
    )
    assert judging._any_order(wanted, made) is possible


def test_figures_are_told_whether_or_not_anything_is_expected():
    figures = figures_of(course(**CUT))
    assert (figures.first_audio_ms, figures.complete_ms, figures.audio_ms) == (1000, 3000, 2000)
    assert figures.interrupted_ms == pytest.approx(400)
    assert figures.flushed_ms == pytest.approx(50)
    assert figures.cost_usd == 0.002


def test_a_long_answer_is_told_in_short():
    turn = Turn(text="x", expect=Expect(reply="never"))
    (check,) = judge_turn(turn, course(replies=[Replied(2.9, "word " * 1000)]))
    assert len(check.sentence) < 400


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"no_calls": True, "calls": []}, "no_calls and calls exclude each other"),
        ({"silence": True, "reply": "x"}, "silence and reply exclude each other"),
        ({"silence": True, "audio_ms": {"min": 1}}, "silence and audio_ms exclude each other"),
        ({"any_order": True}, "any_order says something about `calls`"),
        ({"other_calls": True, "calls": []}, "other_calls says something about `calls`"),
        ({"reference": "x"}, "reference is for `wer_below`"),
        ({"interrupted": False, "flushed_within_ms": 1}, "interrupted = false and flushed_within_ms exclude"),
        ({"audio_ms": {}}, "expected min, max or both"),
        ({"audio_ms": {"min": 2, "max": 1}}, "nothing is at least 2 and at most 1"),
        ({"wer_below": 0.0, "reference": "x"}, "greater than 0"),
        ({"silence": False}, "Input should be True"),
    ],
)
def test_expectations_that_contradict_each_other_are_refused(expect, words):
    with pytest.raises(ValidationError, match=words):
        Expect.model_validate(expect)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"text": "x", "silence_ms": 1}, "silence_ms and text exclude each other"),
        ({"text": "x", "noise": {"kind": "white", "snr_db": 1}}, "noise is for turns that are heard"),
        ({"say": "x", "expect": {"wer_below": 0.1}}, "wer_below needs a `reference`"),
        ({"text": "x", "after": {"event": "tool.called"}}, "the first turn comes after nothing but session.ready"),
        ({"text": "x", "noise": {"snr_db": 1}}, "expected one of kind and file"),
        ({"text": "x", "silence_ms": 3_600_001}, "exclude|less than or equal"),
    ],
)
def test_turns_that_make_no_sense_are_refused(turn, words):
    with pytest.raises(ValidationError, match=words):
        Scenario.model_validate({"turn": [turn]})
