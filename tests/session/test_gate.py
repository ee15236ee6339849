"""What of the microphone goes to the wire."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import LIVE_3_1
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.session.gate import PREROLL_CHUNKS, Gate


def chunk(dye: int) -> bytes:
    return dye.to_bytes(2, "little") * 320


def state(gate: Gate) -> str:
    return gate.state


def passed(gate: Gate, dyes: Iterable[int]) -> list[object]:
    """What goes out for so many chunks: dyes of sound, names of all else."""
    return [
        int.from_bytes(p.command.pcm[:2], "little") if isinstance(p.command, c.SendAudio) else type(p.command).__name__
        for dye in dyes
        for p in gate.pass_on(chunk(dye), 0.02 * dye, is_open=gate.is_open)
    ]


def test_an_open_gate_lets_everything_through() -> None:
    gate = Gate(manual=False)

    assert state(gate) == "open"
    assert passed(gate, range(1, 4)) == [1, 2, 3]


def test_muting_tells_the_server_once_and_then_nothing_goes_out() -> None:
    gate = Gate(manual=False)
    passed(gate, [1])

    gate.mute(True)
    assert passed(gate, [2, 3, 4]) == ["EndAudioStream"]
    gate.mute(False)
    assert passed(gate, [5, 6]) == [5, 6]


def test_a_muted_microphone_is_open_while_a_key_is_held() -> None:
    gate = Gate(manual=False)
    gate.mute(True)
    passed(gate, [1, 2])

    gate.push(True)
    assert state(gate) == "pushed"
    assert passed(gate, [3, 4]) == [3, 4], "what was said while it was muted stays private"
    gate.push(False)
    assert state(gate) == "muted"
    assert passed(gate, [5, 6]) == ["EndAudioStream"]


def test_pushing_changes_nothing_while_the_microphone_is_open() -> None:
    gate = Gate(manual=False)
    gate.push(True)
    assert state(gate) == "open"
    assert passed(gate, [1]) == [1]
    gate.push(False)
    assert passed(gate, [2]) == [2]


def test_push_to_talk_begins_half_a_second_early_and_ends_in_silence() -> None:
    gate = Gate(manual=True)
    assert passed(gate, range(1, 101)) == []

    gate.push(True)
    assert passed(gate, [101, 102]) == ["StartActivity", *range(102 - PREROLL_CHUNKS, 103)]
    gate.push(False)
    assert passed(gate, [103, 104]) == [103, 0, "EndActivity"]


def test_what_was_said_to_the_model_is_not_said_again_by_the_next_push() -> None:
    gate = Gate(manual=True)
    for begins in (1, 11):
        gate.push(True)
        passed(gate, range(begins, begins + 5))
        gate.push(False)
        passed(gate, [begins + 5])

    gate.push(True)
    assert passed(gate, [20]) == ["StartActivity", 20]


def test_each_piece_of_sound_has_the_time_at_which_it_was_read() -> None:
    gate = Gate(manual=True)
    list(gate.pass_on(chunk(1), 0.02, is_open=gate.is_open))
    gate.push(True)

    times = [p.heard_s for p in gate.pass_on(chunk(2), 0.04, is_open=gate.is_open)]
    gate.push(False)
    times += [p.heard_s for p in gate.pass_on(chunk(3), 0.06, is_open=gate.is_open)]

    assert times == [None, 0.02, 0.04, 0.06, None, None]


def test_over_a_new_connection_a_pushed_gate_begins_its_activity_again() -> None:
    gate = Gate(manual=True)
    gate.push(True)
    passed(gate, [1, 2])

    gate.moved()

    assert passed(gate, [3]) == ["StartActivity", 3]


@pytest.mark.parametrize("manual", [False, True])
@given(st.lists(st.sampled_from(["mute", "unmute", "push", "let go", "chunk", "chunk"]), max_size=40))
def test_whatever_is_pressed_the_protocol_takes_what_goes_out(manual: bool, acts: list[str]) -> None:
    gate = Gate(manual=manual)
    protocol = LiveProtocol(LIVE_3_1)
    protocol.send(c.Setup(model="models/m", detection=c.Detection(disabled=manual)))
    protocol.receive_message('{"setupComplete":{}}', 0.0)
    activity = 0
    for act in acts:
        match act:
            case "mute" | "unmute":
                gate.mute(act == "mute")
            case "push" | "let go":
                gate.push(act == "push")
            case _:
                for p in gate.pass_on(chunk(1), 0.0, is_open=gate.is_open):
                    protocol.send(p.command)
                    activity += isinstance(p.command, c.StartActivity) - isinstance(p.command, c.EndActivity)
                assert activity == (manual and gate.state == "pushed"), "activities neither overlap nor end twice"
