"""What a session knows of its scenario, its calls and its tokens."""

import tomllib

import pytest

from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.inbound import Answer
from flashlive_cli.sim.mind import Spoken, Written
from flashlive_cli.sim.script import Script, ScriptedCall, ScriptedTurn, read_script
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import judge_setup
from flashlive_cli.sim.sight import Picture
from flashlive_cli.sim.usage import Ledger

SETUP = judge_setup({"model": "models/gemini-3.8-live"}, version="v1beta")


def session(*turns, faults=()):
    return Session(SETUP, Script(turns, faults))


def answer(call_id, name="f", output="x", more=False):
    return Answer(call_id, name, {"output": output}, "WHEN_IDLE", more)


def test_a_talk_like_the_scenario_has_no_mismatch():
    played = session(ScriptedTurn(typed="Hi"), ScriptedTurn(spoken=True), ScriptedTurn())
    for turn in (Written("Hi"), Spoken(1.0), Written("anything")):
        played.plan(turn)
    assert played.mismatches == []
    assert played.unmet() == []


@pytest.mark.parametrize(
    ("expected", "turn", "words"),
    [
        (ScriptedTurn(typed="Hi"), Written("Ho"), "turn 1: the scenario types 'Hi', the user typed 'Ho'"),
        (ScriptedTurn(typed="Hi"), Spoken(1.24), "turn 1: the scenario types 'Hi', the user spoke for 1.2 s"),
        (ScriptedTurn(spoken=True), Written("Hi"), "turn 1: the scenario speaks, the user typed 'Hi'"),
    ],
)
def test_another_turn_than_the_scenario_has_is_a_mismatch(expected, turn, words):
    played = session(expected)
    played.plan(turn)
    assert played.mismatches == [words]


@pytest.mark.parametrize(
    ("sees", "shown", "words"),
    [
        (None, 3, []),
        (2, 2, []),
        (2, 5, []),
        (0, 0, []),
        (2, 1, ["turn 1: the scenario shows at least 2 pictures, the user showed 1"]),
        (0, 1, ["turn 1: the scenario shows no pictures, the user showed 1"]),
    ],
)
def test_pictures_too_few_or_not_wanted_are_a_mismatch(sees, shown, words):
    played = session(ScriptedTurn(sees=sees))
    played.plan(Spoken(1.0, (Picture("image/jpeg", 768, 432),) * shown))
    assert played.mismatches == words


def test_turns_too_many_and_turns_never_taken_are_told():
    played = session(ScriptedTurn(), ScriptedTurn())
    assert played.unmet() == ["turn 1 of the scenario was never taken", "turn 2 of the scenario was never taken"]
    for text in ("1", "2", "3"):
        played.plan(Written(text))
    assert played.mismatches == ["turn 3 is not in the scenario: the user typed '3'"]
    assert played.unmet() == []


def test_without_a_scenario_nothing_is_expected():
    played = Session(SETUP, None)
    played.plan(Written("Hi"))
    assert played.mismatches == played.unmet() == []


def test_answers_are_held_against_the_scenario():
    played = session(ScriptedTurn(calls=(ScriptedCall("f", {}, answer="(?i)shipped"), ScriptedCall("g", {}))))
    plan = played.plan(Written("Hi"))
    played.open_round(plan, ["1", "2"])
    assert played.unmet() == ["f was never answered", "g was never answered"]
    played.take(answer("1", "f", "lost"))
    played.take(answer("2", "h"))
    assert played.take(answer("9")) is None
    assert played.mismatches == [
        'f answered {"output": "lost"}, which does not match \'(?i)shipped\'',
        "g was answered by h",
        "an answer to 9, which is not open",
    ]
    assert played.unmet() == []


def test_an_answer_that_matches_is_none():
    played = session(ScriptedTurn(calls=(ScriptedCall("f", {}, answer="(?i)shipped"),)))
    played.open_round(played.plan(Written("Hi")), ["1"])
    played.take(answer("1", output="It has Shipped."))
    assert played.mismatches == []


def test_rounds_that_held_their_turn_are_known():
    played = session(ScriptedTurn(calls=(ScriptedCall("f", {}), ScriptedCall("g", {}))))
    held = played.open_round(played.plan(Written("Hi")), ["1", "2"])
    assert played.held_open() == [held]
    played.drop(held)
    assert played.held_open() == []


def test_a_scenario_file_brings_faults_and_expectations(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        """
        faults = ["goaway-early", "jitter:ms=50"]
        [[turn]]
        silence_ms = 100
        [[turn]]
        text = "Hi"
        [[turn]]
        say = "a.wav"
        [turn.sim]
        calls = [{ name = "f", answer = "shipped" }]
        faults = ["stall:seconds=2"]
        """
    )
    script = read_script(tomllib.loads(path.read_text()), path)
    assert script.faults == (
        Fault("goaway-early"),
        Fault("jitter", values=(("ms", 50.0),)),
        Fault("stall", turn=2, values=(("seconds", 2.0),)),
    )
    assert [(turn.typed, turn.spoken) for turn in script.turns] == [("Hi", False), (None, True)]
    assert script.turns[1].calls == (ScriptedCall("f", {}, "shipped"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("faults = 1", "`faults` must be a list"),
        ("faults = [1]", "`faults` must be a list"),
        ('faults = ["stal"]', "did you mean `stall`?"),
        ('[[turn]]\nsim = { faults = ["stall@3"] }', "turn 1: fault stall@3 happens in its turn"),
        (
            '[[turn]]\nsim = { faults = ["slow-pong"] }',
            "cannot be bound to a turn; it can to a time; write it at the top",
        ),
        ('[[turn]]\nsim = { faults = ["stall@turn2"] }', "leave out what follows the @"),
        ('[[turn]]\nsim = { calls = [{ name = "f", answer = "(" }] }', "`answer` is no regular expression"),
    ],
)
def test_mistakes_in_faults_and_expectations_name_the_file(tmp_path, text, words):
    from flashlive_cli.errors import ConfigError

    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_script(tomllib.loads(path.read_text()), path)
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


def test_a_ledger_tells_calls_apart_only_where_the_family_does():
    for details, expected in ((True, [("TEXT", 2), ("AUDIO", 25)]), (False, [("AUDIO", 25)])):
        ledger = Ledger(details_calls=details)
        ledger.read("12345678")
        ledger.say_text("12345678")
        ledger.say_audio(1.0)
        usage = ledger.close_turn()
        assert usage["promptTokenCount"] == 2
        assert usage["responseTokenCount"] == 27
        assert [(entry["modality"], entry["tokenCount"]) for entry in usage["responseTokensDetails"]] == expected


def test_a_reply_lost_with_its_connection_is_not_counted():
    ledger = Ledger()
    ledger.say_audio(1.0)
    ledger.think(40)
    ledger.forget_reply()
    assert ledger.close_turn() == {}


def test_thoughts_are_in_no_sum():
    ledger = Ledger()
    ledger.read("1234")
    ledger.think(40)
    usage = ledger.close_turn()
    assert usage["thoughtsTokenCount"] == 41
    assert usage["totalTokenCount"] == 1


@pytest.mark.parametrize(
    ("asked", "again"), [(Written("Hi"), Written("Hi")), (Spoken(1.2), Spoken(1.3))], ids=["typed", "spoken"]
)
def test_a_turn_whose_reply_was_lost_is_answered_as_before_when_it_is_taken_again(asked, again):
    played = session(ScriptedTurn(reply="One."), ScriptedTurn(reply="Two."))
    plan = played.plan(asked)
    played.busy = True  # the connection ends in mid-reply
    played.taken_up()
    assert played.plan(again) == plan
    assert played.plan(again).reply == "Two.", "now it is another turn"
    assert played.mismatches == played.unmet() == []


@pytest.mark.parametrize("then", [Written("Ho"), Spoken(2.0)])
def test_another_turn_after_a_lost_reply_is_the_next_one(then):
    played = session(ScriptedTurn(reply="One."), ScriptedTurn(reply="Two."))
    played.plan(Written("Hi"))
    played.busy = True
    played.taken_up()
    assert played.plan(then).reply == "Two."


def test_a_turn_that_was_answered_before_the_move_is_not_played_again():
    played = session(ScriptedTurn(reply="One."), ScriptedTurn(reply="Two."))
    played.plan(Written("Hi"))
    played.taken_up()
    assert played.plan(Written("Hi")).reply == "Two."


def test_a_turn_that_waits_for_its_call_over_a_move_is_not_played_again():
    played = session(ScriptedTurn(calls=(ScriptedCall("f", {}),)), ScriptedTurn(reply="Two."))
    played.open_round(played.plan(Written("Hi")), ["a"])
    played.busy = True
    played.taken_up()
    assert played.plan(Written("Hi")).reply == "Two."
