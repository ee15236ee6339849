"""Turns of a run wait for what happens."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.reports import ReplyStarted, Report, SpeechStarted, Stamped
from flashlive_cli.scenario.staging import Events

REPORTS: tuple[Report, ...] = (ReplyStarted(), SpeechStarted("server"))
TOLD = st.lists(st.builds(Stamped, st.integers(0, 9).map(float), st.just(1), st.sampled_from(REPORTS)))
"""In the order in which they are told, which is not always that of their times."""


async def found(before: list[Stamped], later: list[Stamped], event: str, since_s: float) -> float | None:
    """Wait for an event, some of all told before and the others meanwhile; None where it never comes."""
    events = Events()
    for stamped in before:
        events.listen(stamped)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(events.after(event, since_s))
        await asyncio.sleep(0)
        for stamped in later:
            events.listen(stamped)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
    return None if waiting.cancelled() else waiting.result()


@given(TOLD, TOLD, st.sampled_from(REPORTS).map(lambda report: report.type), st.integers(0, 10))
def test_of_the_events_that_are_late_enough_the_one_told_first_counts(before, later, event, since_s) -> None:
    fitting = (told.t for told in (*before, *later) if told.report.type == event and told.t >= since_s)

    assert asyncio.run(found(before, later, event, since_s)) == next(fitting, None)
