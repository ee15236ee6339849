"""
Many scenarios run: side by side in processes of their own, again and again, each with a verdict. See `worker`.

When a worker dies, what it was at has an outcome all the same, and another takes its place.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Protocol

from flashlive_cli.scenario.outcome import Outcome
from flashlive_cli.scenario.report import Tally
from flashlive_cli.scenario.run import Progress, Stage
from flashlive_cli.scenario.variants import Case
from flashlive_cli.scenario.worker import Done, Job, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What is to be run.

    Attributes:
        cases: in order.
        stage: where.
        jobs: how many at once.
        repeat: how often each.
        pass_at: of these so many have to pass.
        fail_fast: hand out nothing more once a scenario has failed.
        max_cost_usd: hand out nothing more once that much was spent; None for no limit.
        draw: make a timeline of each run.
    """

    cases: Sequence[Case]
    stage: Stage
    jobs: int = 1
    repeat: int = 1
    pass_at: int = 1
    fail_fast: bool = False
    max_cost_usd: float | None = None
    draw: bool = False


@dataclass(slots=True)
class Verdict:
    """
    What a scenario has come to over all its repetitions.

    Attributes:
        runs: by repetition, as far as they were made.
    """

    case: Case
    pass_at: int
    repeat: int
    runs: list[Done] = field(default_factory=list)

    @property
    def outcomes(self) -> list[Outcome]:
        """What the runs came to."""
        return [run.outcome for run in self.runs]

    @property
    def tally(self) -> Tally:
        """How often it passed by now."""
        return Tally.of(self.case.id, str(self.case.written.path), self.case.name, self.outcomes)

    @property
    def passed(self) -> bool:
        """Whether that is enough."""
        return self.tally.accepted(self.pass_at)

    @property
    def lost(self) -> bool:
        """Whether enough cannot pass any more."""
        tally = self.tally
        return tally.runs - tally.passed > self.repeat - self.pass_at


class Audience(Protocol):
    """Who is told how it goes; called in the parent's main thread."""

    def started(self, job: Job) -> None:
        """Know that a run begins."""
        ...

    def advanced(self, job: Job, progress: Progress) -> None:
        """Know that a run has come to its next turn."""
        ...

    def finished(self, job: Job, outcome: Outcome) -> None:
        """Know what a run came to."""
        ...


@dataclass(slots=True)
class Result:
    """
    What a suite has come to.

    Attributes:
        verdicts: one for each case, in order; those never run have no outcomes.
        stopped: why not all was run; None where it was.
        interrupted: by Ctrl-C.
    """

    verdicts: list[Verdict]
    stopped: str | None = None
    interrupted: bool = False

    @property
    def runs(self) -> list[Done]:
        """All runs that were made: by scenario, then by repetition."""
        return [run for verdict in self.verdicts for run in verdict.runs]


def run_suite(plan: Plan, audience: Audience) -> Result:
    """
    Run it all, in the main thread; blocks. After Ctrl-C the workers are ended, and the result is what there is by then.

    What goes wrong with a scenario is in its outcomes.
    """
    verdicts = {case.id: Verdict(case, plan.pass_at, plan.repeat) for case in plan.cases}
    result = Result(list(verdicts.values()))
    waiting = deque(Job(case, number) for number in range(1, plan.repeat + 1) for case in plan.cases)
    spent_usd = 0.0
    workers: list[Worker] = []
    try:
        while True:
            if result.stopped is None:
                _hand_out(plan, waiting, workers, audience)
            busy = [worker for worker in workers if worker.job is not None]
            if not busy:
                break
            for worker in _ready(busy):
                job = worker.job
                assert job is not None
                told = worker.hear()
                if isinstance(told, Progress):
                    audience.advanced(job, told)
                    continue
                verdict = verdicts[job.case.id]
                verdict.runs.append(told)
                worker.job = None
                audience.finished(job, told.outcome)
                spent_usd += told.outcome.cost_usd or 0.0
                if plan.fail_fast and verdict.lost and waiting:
                    result.stopped = "--fail-fast"
                if plan.max_cost_usd is not None and spent_usd >= plan.max_cost_usd and waiting:
                    result.stopped = f"--max-cost {plan.max_cost_usd:g}"
    except KeyboardInterrupt:
        result.stopped, result.interrupted = "Ctrl-C", True
    finally:
        _end(workers)
    for verdict in result.verdicts:
        verdict.runs.sort(key=lambda run: run.outcome.repetition)
    return result


def _hand_out(plan: Plan, waiting: deque[Job], workers: list[Worker], audience: Audience) -> None:
    """Give every worker that has nothing to do a job, and start workers while there are jobs for them."""
    workers[:] = [worker for worker in workers if worker.is_alive]
    while waiting:
        idle = next((worker for worker in workers if worker.job is None), None)
        if idle is None:
            if len(workers) >= plan.jobs:
                return
            idle = Worker(plan.stage, draw=plan.draw)
            workers.append(idle)
        job = waiting.popleft()
        audience.started(job)
        idle.take(job)


def _ready(busy: Sequence[Worker]) -> Iterable[Worker]:
    """Wait for those that have something to say, or have died."""
    by_end: dict[object, Worker] = {worker.pipe: worker for worker in busy}
    while True:
        left_s = max(0.0, min(worker.due_s for worker in busy) - time.monotonic())
        if ready := wait([worker.pipe for worker in busy], timeout=left_s):
            return [by_end[end] for end in ready]
        for worker in busy:
            if time.monotonic() >= worker.due_s:
                worker.give_up()


def _end(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.join()
