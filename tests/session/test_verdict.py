"""What a failure means, by phase and code."""

from itertools import islice
from random import Random

import pytest

from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError, NoAnswer, RemoteProtocolError
from flashlive_cli.session.verdict import GIVE_UP_AFTER_S, LONGEST_WAIT_S, Drops, Phase, Verdict, judge, waits

DIALLING, RESUMING, ANEW, TALKING, LEAVING = Phase
AGAIN, BEGIN_ANEW, GIVE_UP = Verdict
QUOTA = "You exceeded your current quota, please check your plan and billing details."


def rejected(code: int | None, reason: str = "") -> FlashliveError:
    return ConnectionRejected("no", code=code, reason=reason)


def lost(code: int, reason: str = "") -> FlashliveError:
    return ConnectionLost("gone", code=code, reason=reason)


@pytest.mark.parametrize(
    ("phase", "failure", "verdict"),
    [
        *((DIALLING, rejected(code), GIVE_UP) for code in (None, 1007, 1008, 400, 401, 403, 404)),
        *((DIALLING, rejected(code), AGAIN) for code in (1006, 1011, 1012, 1013, 1014, 429, 500, 503)),
        *((RESUMING, rejected(code), BEGIN_ANEW) for code in (1007, 1008)),
        *((RESUMING, rejected(code), AGAIN) for code in (None, 1006, 1011, 429, 503)),
        (RESUMING, NoAnswer("silence"), AGAIN),
        (RESUMING, rejected(403), GIVE_UP),
        *((ANEW, rejected(code), GIVE_UP) for code in (1007, 1008, 401)),
        *((ANEW, rejected(code), AGAIN) for code in (None, 1006, 1011, 503)),
        (TALKING, lost(1007), BEGIN_ANEW),
        *((TALKING, lost(code), AGAIN) for code in (1000, 1001, 1006, 1008, 1009, 1011, 1012, 1013)),
        (TALKING, RemoteProtocolError("no JSON"), AGAIN),
        *((LEAVING, lost(code), AGAIN) for code in (1006, 1007, 1008, 1011)),
        *((phase, lost(1011, QUOTA), GIVE_UP) for phase in Phase),
        *((phase, rejected(1011, QUOTA), GIVE_UP) for phase in Phase),
    ],
)
def test_phase_and_code_tell_what_to_do(phase, failure, verdict) -> None:
    assert judge(phase, failure) is verdict


def test_the_first_waits_are_what_the_service_needs_and_later_ones_grow_to_an_end() -> None:
    found = list(waits(Random(1)))

    assert found[:4] == [1.0, 1.0, 2.0, 4.0]
    assert all(0.5 * LONGEST_WAIT_S / 2 <= wait_s <= LONGEST_WAIT_S for wait_s in found[4:])
    assert GIVE_UP_AFTER_S <= sum(found) < GIVE_UP_AFTER_S + LONGEST_WAIT_S


def test_later_waits_differ_from_talk_to_talk() -> None:
    assert list(islice(waits(Random(1)), 6)) != list(islice(waits(Random(2)), 6))


def test_too_much_within_a_minute_is_too_much_and_later_is_forgotten() -> None:
    drops = Drops(2)

    assert [drops.too_many(now) for now in (0, 10, 59, 61, 121, 200)] == [False, False, True, True, False, False]
