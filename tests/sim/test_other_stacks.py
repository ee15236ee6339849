"""Programs that know of no simulator: Google's SDKs, unpatched, started through `flashlive sim -- …`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sdks import installed

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = ROOT / "examples"
SPEED = "5"

OLD_SDK = "google-genai==1.24.0"

# what is installed once serves all of them
pytestmark = [pytest.mark.xdist_group("sdks"), pytest.mark.timeout(400)]


def sim(*options: str | Path, command: list[str | Path], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program through the simulator, with an environment that knows no key."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GEMINI_", "GOOGLE_"))}
    return subprocess.run(
        [sys.executable, "-m", "flashlive_cli", "sim", *options, "--", *command],
        cwd=folder, env=env | {"SPEED": SPEED}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with a release of the SDK from before its second major version."""
    venv = tmp_path_factory.mktemp("sdk") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
    ]
    installed([*pip, "--only-binary", ":all:", OLD_SDK], OLD_SDK)
    return python


def judge(done: "subprocess.CompletedProcess[str]", major: str) -> None:
    """What each act must have come to."""
    assert done.returncode == 0, done.stderr
    acts: dict[str, dict[str, Any]] = {}
    for line in done.stdout.splitlines():
        act = json.loads(line)
        acts[act["act"]] = act
    assert acts["typed"]["said"].endswith("not the real Gemini. You typed: Good morning")
    assert acts["typed"]["sound_s"] > 1
    assert acts["typed"]["kinds"] == ["generationComplete"]
    assert acts["spoken"]["heard"] == "(1.5 s of speech)"
    assert acts["spoken"]["said"] == "I heard 1.5 seconds of speech."
    assert (acts["tool"]["name"], acts["tool"]["args"]) == ("get_weather", {"city": "Lisbon"})
    assert acts["tool"]["said"].endswith("get weather says: sunny, 24 degrees.")
    assert acts["barge_in"]["kinds"] == ["interrupted"]
    assert acts["barge_in"]["sound_s"] < 5
    assert acts["audio_stream_end"]["heard"] == "(0.6 s of speech)"
    # a session that was resumed has introduced itself already
    assert acts["resumed"]["said"] == "You typed: And again"
    assert acts["manual"]["said"].endswith("I heard 1.0 seconds of speech.")
    assert acts["done"]["sdk"].startswith(major)


def test_the_current_python_sdk_holds_all_acts(tmp_path: Path) -> None:
    done = sim("--speed", SPEED, command=[sys.executable, PROGRAMS / "acts.py"], folder=tmp_path)
    judge(done, "3.")


def test_a_python_sdk_of_the_first_major_version_holds_all_acts(old_python: Path, tmp_path: Path) -> None:
    done = sim("--speed", SPEED, command=[old_python, PROGRAMS / "acts.py"], folder=tmp_path)
    judge(done, "1.24")


def test_the_javascript_sdk_holds_all_acts(node: Path, js_folder: Path) -> None:
    done = sim("--speed", SPEED, command=[node, "acts.mjs"], folder=js_folder)
    judge(done, "2.")


def test_the_python_example_meets_its_scenario(tmp_path: Path) -> None:
    options: list[str | Path] = ["--speed", SPEED, "--scenario", EXAMPLES / "live-sim.toml", "--fail-on-unexpected"]
    done = sim(*options, command=[sys.executable, EXAMPLES / "live.py"], folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Your order has shipped and arrives on Thursday.\n"), done.stderr


def test_the_javascript_example_meets_its_scenario(node: Path, js_folder: Path) -> None:
    options: list[str | Path] = ["--speed", SPEED, "--scenario", EXAMPLES / "live-sim.toml", "--fail-on-unexpected"]
    done = sim(*options, command=[node, "live.mjs"], folder=js_folder)
    assert (done.returncode, done.stdout) == (0, "Your order has shipped and arrives on Thursday.\n"), done.stderr


def test_a_recording_made_with_one_sdk_is_replayed_to_another(node: Path, js_folder: Path, tmp_path: Path) -> None:
    recording = tmp_path / "order.jsonl"
    options: list[str | Path] = ["--speed", SPEED, "--scenario", EXAMPLES / "live-sim.toml", "--record", recording]
    sim(*options, command=[sys.executable, EXAMPLES / "live.py"], folder=tmp_path)

    done = sim(
        "--speed", SPEED, "--replay", recording, "--fail-on-unexpected", command=[node, "live.mjs"], folder=js_folder
    )

    assert (done.returncode, done.stdout) == (0, "Your order has shipped and arrives on Thursday.\n"), done.stderr
