"""
Talks at which much goes wrong; `benchmarks/chaos.py` holds a thousand.

Each is drawn from its number. `CHAOS=1000 pytest tests/session/test_chaos.py` holds so many.
"""

import os

import pytest

from benchmarks.chaos import judge
from benchmarks.ordeal import draw, undergo
from benchmarks.truth import wrongs
from flashlive_cli.reports import Transcript
from flashlive_cli.sim.faulttable import FAULTS

N_TALKS = int(os.environ.get("CHAOS", "24"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", range(N_TALKS))
def test_whatever_goes_wrong_a_talk_ends_well_or_in_a_documented_error_and_is_told_truly(number: int) -> None:
    verdict = judge(number)

    assert not verdict.wrong, f"{verdict.name}: {verdict.wrong}"


def test_a_thousand_ordeals_have_every_fault_in_them() -> None:
    drawn = {fault.name for number in range(1000) for fault in draw(number).faults}

    assert drawn == set(FAULTS)


async def test_a_story_that_is_not_told_truly_is_found_out() -> None:
    """The judge is no rubber stamp: what is taken away, added or told twice does not pass."""
    number = next(n for n in range(1000) if draw(n).turns and not draw(n).faults and not draw(n).toxics)
    story = await undergo(draw(number))
    assert not wrongs(story)
    told = list(story.told)
    final = next(s for s in told if isinstance(s.report, Transcript) and s.report.role == "model" and s.report.final)
    piece = next(s for s in told if isinstance(s.report, Transcript) and not s.report.final)

    for changed in (
        [stamped for stamped in told if stamped is not final],
        [stamped for stamped in told if stamped is not piece],
        [*told, final],
        [*told[: told.index(piece)], piece, *told[told.index(piece) :]],
    ):
        story.told = changed
        assert wrongs(story)
    story.told = told
    story.dials[0].received.append(b'{"serverContent": {}}')
    assert wrongs(story)
