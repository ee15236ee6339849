"""How faults are asked for."""

import contextlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.errors import ConfigError
from flashlive_cli.sim.faults import Fault, parse_fault, parse_faults
from flashlive_cli.sim.faulttable import FAULTS, FaultName

PROMISED = """
    goaway-early goaway-mid-answer short-lease drop-1006 close-1008 close-1011 resume-refused slow-pong stall
    stall-after-goaway phantom-interrupt late-transcript transcript-without-audio merged-fields many-parts
    unknown-fields malformed-json huge-message tiny-chunks slow-audio quota jitter text-frames
"""


def test_every_promised_fault_is_there_with_its_words_and_source():
    assert set(PROMISED.split()) <= set(FAULTS)
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.words
        assert fault.source
        assert fault.when


def test_the_names_that_the_type_check_knows_are_those_of_the_table():
    assert set(get_args(FaultName)) == set(FAULTS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop-1006", Fault("drop-1006")),
        ("drop-1006@12.5", Fault("drop-1006", at_s=12.5)),
        ("goaway-mid-answer@turn2", Fault("goaway-mid-answer", turn=2)),
        ("jitter:ms=300", Fault("jitter", values=(("ms", 300.0),))),
        (" stall@turn1 : seconds = 2 : after=0", Fault("stall", turn=1, values=(("seconds", 2.0), ("after", 0.0)))),
    ],
)
def test_a_fault_is_read_and_spelled_again(text, fault):
    assert parse_fault(text) == fault
    assert parse_fault(str(fault)) == fault


def test_several_are_separated_by_commas():
    assert parse_faults("quota, jitter:ms=5,") == (Fault("quota"), Fault("jitter", values=(("ms", 5.0),)))
    assert parse_faults("") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("drop-1007", "there is no fault 'drop-1007'; did you mean `drop-1006`?"),
        ("goaway", "did you mean `goaway-early`?"),
        ("zzz", "known are goaway-early, "),
        ("", "there is no fault ''"),
        ("stall@", "the time must be a number"),
        ("stall@soon", "the time must be a number, not 'soon'"),
        ("stall@turn", "the turn must be a number"),
        ("stall@turn0", "the turn must be between 1 and"),
        ("stall@turn1.5", "whole numbers"),
        ("stall:seconds", "is not written as key=value"),
        ("stall:secs=1", "fault stall has no 'secs'; did you mean `seconds`?"),
        ("stall:seconds=x", "seconds must be a number, not 'x'"),
        ("stall:seconds=1e9", "must be a number"),
        ("stall:seconds=99999", "must be between 0 and 3600"),
        ("resume-refused@3", "fault resume-refused cannot be bound to a time"),
        ("slow-pong@turn1", "fault slow-pong cannot be bound to a turn; it can to a time"),
        ("merged-fields:a=1", "has no 'a', nor any parameter"),
        ("stall:seconds=1,after=2", "colons the parameters of one: write stall:seconds=1:after=2"),
    ],
)
def test_a_mistake_is_explained(text, words):
    with pytest.raises(ConfigError) as error:
        parse_fault(text)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("stall:seconds=1,after=2", "stall:seconds=1:after=2"),
        ("stall@turn2, seconds = 1", "stall@turn2:seconds = 1"),
        ("quota,stall:seconds=1,after=2,jitter:ms=5", "quota,stall:seconds=1:after=2,jitter:ms=5"),
    ],
)
def test_who_parts_parameters_by_commas_is_told_how_to_write_it(text, right):
    with pytest.raises(ConfigError, match=f"write {right}$"):
        parse_faults(text)
    assert parse_faults(right)


@given(st.text(alphabet="a-@:=turn1.5 ,x", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_fault_or_a_mistake(text):
    for read in (parse_fault, parse_faults):
        with contextlib.suppress(ConfigError):
            assert read(text) is not None
