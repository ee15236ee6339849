"""
Make a picture of a timeline, as PNG: of a real run of a scenario with the simulator, at real speed, in Chromium.

    python examples/timeline_picture.py examples/timeline.png

A caller asks for an order, a function of tools.py is called, and its answer is cut short by another question. Takes
half a minute; needs Chromium.
"""

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from flashlive_cli.scenario.page import write_html
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.timeline import Timeline, timeline_of
from flashlive_cli.scenario.variants import cases_of

HERE: Final = Path(__file__).parent.absolute()
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1180, 870
SCALE: Final = 1.25
SCENARIO: Final = f"""
name = "asks for an order, then cuts in"
tools = '{HERE / "tools.py"}'

[[turn]]
say = '{HERE / "where-is-my-order.wav"}'
[turn.expect]
heard = "order"
calls = [{{ name = "check_order_status", args = {{ order_id = "A-1001" }} }}]
reply = "(?i)thursday"
first_audio_within_ms = 2500
[turn.sim]
heard = "Where is my order A-1001?"
calls = [{{ name = "check_order_status", args = {{ order_id = "A-1001" }} }}]
reply = "Your order A-1001 has shipped, it will arrive on Thursday, and the parcel needs a signature, so be at home."

[[turn]]
say = '{HERE / "scenarios" / "stop.wav"}'
after = {{ event = "reply.first_sample", ms = 2200 }}
[turn.expect]
interrupted_within_ms = 700
flushed_within_ms = 100
reply = "(?i)go ahead"
first_audio_within_ms = 1000
[turn.sim]
heard = "Stop, please. One question."
reply = "Sure, go ahead. What would you like to know?"
"""


async def held(path: Path) -> Timeline:
    """Hold the scenario."""
    (case,) = cases_of(read_scenario(path))
    run = await hold_case(case, Stage())
    return timeline_of(dataclasses.replace(run.outcome, path=path.name), run.course)


def main() -> int:
    """Hold the conversation, and write the picture where the command line says."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("there is no Chromium to take a picture with", file=sys.stderr)
        return 1
    picture = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scenario = folder / "order.toml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        page = folder / "timeline.html"
        write_html(page, [asyncio.run(held(scenario))], took_s=0)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        options += [
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}",
        ]
        options += [
            f"--window-size={WIDTH},{HEIGHT}",
            f"--force-device-scale-factor={SCALE}",
            f"--screenshot={picture}",
        ]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=60)  # noqa: S603 - our words
    return 0


if __name__ == "__main__":
    sys.exit(main())
