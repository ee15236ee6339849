"""
The pytest plugin `flashlive`: scenario files as tests, and a simulator for tests of any client.

    scenarios.py  a file -> an item for each variant, held and judged
    simulator.py  the simulator in a thread of its own, for the fixture `flashlive_sim`

Every pytest run of an environment in which flashlive is installed loads this file, so it imports nothing that pytest
has not loaded already; the rest comes where it is used.
"""

import fnmatch
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashlive_cli.pytest_plugin.scenarios import ScenarioFile
    from flashlive_cli.pytest_plugin.simulator import Simulator
    from flashlive_cli.session.endpoint import Endpoint
    from flashlive_cli.sim.certificate import Certificate

DEFAULT_PATTERN: Final = "*.scenario.toml"
"""Not every `scenarios/*.toml`: the projects that flashlive is installed beside have such files of their own."""

GOOGLE: Final = "google"
"""As `--flashlive-url`: the service itself."""

ENDPOINT: Final = pytest.StashKey["Endpoint | None"]()
"""Whom scenarios talk to; None for the simulator."""

_OPTIONS: Final = "scenario=None, replay=None, faults=(), speed=1.0, tls=None, key=None, strict=False"
_MARKERS: Final = (
    f"flashlive_sim({_OPTIONS}): what the fixture flashlive_sim is to be like",
    "flashlive_scenario: what the tests of scenario files have",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options."""
    group = parser.getgroup("flashlive", "flashlive: voice scenarios")
    group.addoption(
        "--flashlive-url",
        metavar="URL",
        help=f"Hold scenarios with this server, or with '{GOOGLE}' for the service (key in GEMINI_API_KEY); "
        "with the built-in simulator by default.",
    )
    group.addoption(
        "--flashlive-speed",
        metavar="N",
        type=float,
        help="Run scenarios N times faster than real time, with the simulator.",
    )
    group.addoption(
        "--flashlive-evidence",
        metavar="DIR",
        type=Path,
        help="Keep sound, events and wire of each scenario in a folder there.",
    )
    parser.addini(
        "flashlive_scenarios",
        "Which TOML files are scenarios: patterns of names, or with a / of paths below the root.",
        type="args",
        default=[DEFAULT_PATTERN],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    url, speed = config.getoption("flashlive_url"), config.getoption("flashlive_speed")
    if speed is not None and not 0.1 <= speed <= 100:
        raise pytest.UsageError("--flashlive-speed must be between 0.1 and 100")
    if url is not None and speed not in {None, 1.0}:
        raise pytest.UsageError("--flashlive-speed goes with the simulator: a server of another kind runs in real time")
    config.stash[ENDPOINT] = None if url is None else _endpoint(url)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Take scenario files: those that fit the patterns, and TOML files named on the command line."""
    if file_path.suffix != ".toml" or not (parent.session.isinitpath(file_path) or _fits(file_path, parent.config)):
        return None
    from flashlive_cli.pytest_plugin.scenarios import ScenarioFile  # noqa: PLC0415 - see the module's docstring

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.fixture(scope="session")
def flashlive_certificate() -> "Iterator[Certificate]":
    """A throw-away certificate, shared by all simulators of a session that speak TLS."""
    from flashlive_cli.errors import ConfigError  # noqa: PLC0415
    from flashlive_cli.sim.certificate import throw_away_certificate  # noqa: PLC0415

    try:
        with throw_away_certificate() as certificate:
            yield certificate
    except ConfigError as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture
def flashlive_sim(request: pytest.FixtureRequest) -> "Iterator[Simulator]":
    """
    A simulator of the Live API on this machine, in a thread of its own, for one test.

    What it does is said by the marker `flashlive_sim(…)` or by indirect parametrization with a dict of the same names;
    see `simulator.Wanted`.
    """
    from flashlive_cli.pytest_plugin.simulator import run_simulator, wanted_by  # noqa: PLC0415

    wanted = wanted_by(request)
    certificate = request.getfixturevalue("flashlive_certificate") if wanted.tls else None
    yield from run_simulator(wanted, certificate)


@pytest.fixture
def flashlive_sim_env(flashlive_sim: "Simulator", monkeypatch: pytest.MonkeyPatch) -> "Simulator":
    """The same, and this process' own environment leads to it: for clients that run in the test itself."""
    for name in set(os.environ) - set(flashlive_sim.env):
        monkeypatch.delenv(name)
    for name, value in flashlive_sim.settings.items():
        monkeypatch.setenv(name, value)
    return flashlive_sim


def _fits(path: Path, config: pytest.Config) -> bool:
    """Whether a file is one of the scenarios; names that begin with `_` or `.` are for others to include."""
    if path.name.startswith(("_", ".")):
        return False
    try:
        below = path.relative_to(config.rootpath).as_posix()
    except ValueError:
        below = path.as_posix()
    patterns: list[str] = config.getini("flashlive_scenarios")
    return any(fnmatch.fnmatchcase(below if "/" in pattern else path.name, pattern) for pattern in patterns)


def _endpoint(url: str) -> "Endpoint":
    from flashlive_cli.errors import ConfigError  # noqa: PLC0415
    from flashlive_cli.session.endpoint import find_endpoint, find_key  # noqa: PLC0415

    base = None if url == GOOGLE else url
    key = find_key(os.environ)
    try:
        if not key and not (base and find_endpoint(base, "none").is_loopback):
            raise pytest.UsageError("--flashlive-url: there is no API key; set GEMINI_API_KEY")
        return find_endpoint(base, key or "none")
    except ConfigError as exc:
        raise pytest.UsageError(f"--flashlive-url: {exc}") from exc
