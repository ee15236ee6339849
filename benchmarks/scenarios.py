"""
How long a suite takes: 30 scenarios of 20 s each, ten minutes of talk, by `flashlive test --sim -j N --speed N`.

Writes the suite into a folder of its own: each scenario speaks a clip, calls a tool, cuts into a long reply and types a
line, with its own words, so that no reply is known beforehand. Runs the command as a user would, once to warm up the
simulator's voice where there is one, then `--runs` times, and prints the median. Exits 1 when a scenario fails or the
median is over 60 s.

    python benchmarks/scenarios.py [-j 2] [--speed 20] [--scenarios 30] [--runs 3] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
LIMIT_S = 60.0
SCENARIO = """\
name = "suite {n}"
tools.stubs.check_order_status = {{ returns = "shipped", takes_ms = 500 }}

[[turn]]
say = "{examples}/where-is-my-order.wav"
[turn.expect]
heard = "order"
calls = [{{ name = "check_order_status" }}]
reply = "number {n} is shipped"
[turn.sim]
heard = "Where is my order?"
calls = [{{ name = "check_order_status", args = {{ order_id = "A-{n}" }} }}]
reply = "The order with the number {n} is {{result}}."

[[turn]]
text = "Read me the terms."
[turn.sim]
reply = "These are the terms of contract number {n}. They are long, and I read all of them, to the very end of them."

[[turn]]
say = "{examples}/scenarios/stop.wav"
after = {{ event = "reply.first_sample", ms = 2000 }}
[turn.expect]
interrupted = true
reply = "(?i)yes"
[turn.sim]
heard = "Stop, please. One question."
reply = "Yes, customer {n}?"

[[turn]]
text = "Goodbye."
[turn.expect]
no_calls = true
reply = "(?i)goodbye"
[turn.sim]
reply = "Goodbye, customer {n}, and thank you for calling."
"""


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--scenarios", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for n in range(1, given.scenarios + 1):
            text = SCENARIO.format(n=n, examples=EXAMPLES.as_posix())
            (Path(folder) / f"suite-{n:02}.toml").write_text(text, encoding="utf-8")
        runs = [run(folder, given.jobs, given.speed) for _ in range(given.runs + 1)][1:]
    took_s = statistics.median(took_s for took_s, _, _ in runs)
    talked_s = statistics.median(talked_s for _, talked_s, _ in runs)
    failed = [reason for _, _, reasons in runs for reason in reasons]
    figures = {
        "scenarios": given.scenarios,
        "jobs": given.jobs,
        "speed": given.speed,
        "talked_s": round(talked_s, 1),
        "took_s": round(took_s, 2),
        "runs_s": [round(took_s, 2) for took_s, _, _ in runs],
        "talk_minutes_per_second": round(talked_s / 60 / took_s, 3),
        "failed": failed,
    }
    if given.json:
        print(json.dumps(figures))
    else:
        print(
            f"{given.scenarios} scenarios, {talked_s / 60:.1f} minutes of talk, -j {given.jobs} --speed {given.speed:g}"
        )
        print(f"took {took_s:.1f} s (limit {LIMIT_S:g}), {talked_s / took_s:.0f} times real time; {figures['runs_s']}")
        for reason in failed:
            print("failed:", reason)
    return int(bool(failed) or took_s > LIMIT_S)


def run(folder: str, jobs: int, speed: float) -> tuple[float, float, list[str]]:
    """Run the suite once; return what it took, how long the talks were, and what failed."""
    command = [sys.executable, "-m", "flashlive_cli", "test", folder, "--sim", "-j", str(jobs), "--speed", str(speed)]
    began_s = time.perf_counter()
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    took_s = time.perf_counter() - began_s
    report = json.loads(done.stdout)
    lost = [scenario for scenario in report["scenarios"] if scenario["status"] != "passed"]
    failed = [f"{scenario['id']}: {scenario['error'] or _missed(scenario)}" for scenario in lost]
    return took_s, report["totals"]["duration_s"], failed


def _missed(scenario: dict[str, Any]) -> str:
    checks = [check for turn in scenario["turns"] for check in turn["checks"]] + scenario["checks"]
    return ", ".join(f"{check['name']}: {check['got']}" for check in checks if not check["ok"])


if __name__ == "__main__":
    sys.exit(main())
