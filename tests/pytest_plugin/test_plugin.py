"""The pytest plugin, in pytest processes of its own: scenarios as tests, and a simulator for tests of any client."""

import asyncio
import shutil
import sys
import threading
import xml.etree.ElementTree as ET
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flashlive_cli.pytest_plugin import simulator
from flashlive_cli.pytest_plugin.simulator import Wanted
from flashlive_cli.sim.server import serve

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(120)

EXAMPLES = Path(__file__).parents[2] / "examples"
FAST = ("--flashlive-speed", "10")

STRICT = """
[pytest]
addopts = --strict-markers --strict-config
filterwarnings =
    error
    ignore:.*asyncio_default_fixture_loop_scope
"""
GOOD = """
tags = ["smoke"]
[[turn]]
text = "What time is it?"
[turn.expect]
reply = "noon"
[turn.sim]
reply = "It is noon."
"""
WRONG = GOOD.replace('reply = "noon"', 'reply = "midnight"').replace("smoke", "night")


@pytest.fixture(autouse=True)
def _no_settings(pytester, monkeypatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "CI"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini(STRICT)


def scenario(pytester, name: str, text: str) -> Path:
    path = pytester.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_scenario_files_are_collected_by_name_pattern_or_command_line(pytester) -> None:
    scenario(pytester, "clock.scenario.toml", GOOD)
    scenario(pytester, "_part.scenario.toml", "[not a scenario")
    scenario(pytester, "scenarios/other.toml", GOOD)
    scenario(pytester, "pyproject.toml", "[project]\n")

    listed = pytester.runpytest_subprocess("--collect-only", "-q")
    listed.stdout.fnmatch_lines(["clock.scenario.toml::clock", "", "1 test collected*"])
    named = pytester.runpytest_subprocess("--collect-only", "-q", "scenarios/other.toml")
    named.stdout.fnmatch_lines(["scenarios/other.toml::other", "", "1 test collected*"])
    asked = pytester.runpytest_subprocess("--collect-only", "-q", "-o", "flashlive_scenarios=scenarios/*.toml")
    asked.stdout.fnmatch_lines(["scenarios/other.toml::other", "", "1 test collected*"])


def test_scenarios_pass_and_fail_and_say_why(pytester) -> None:
    scenario(pytester, "good.scenario.toml", GOOD)
    scenario(pytester, "wrong.scenario.toml", WRONG)

    done = pytester.runpytest_subprocess(*FAST, "--junit-xml", "report.xml", "--flashlive-evidence", "kept", "-v")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            "wrong.scenario:",
            "  turn 1: reply: expected /midnight/, got 'It is noon.' (at *",
            "turn 1  said   What time is it?",
            "        reply  It is noon.",
            "evidence: kept*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    assert sorted(each.name for each in (pytester.path / "kept").iterdir()) == ["good.scenario", "wrong.scenario"]
    assert (pytester.path / "kept" / "good.scenario" / "conversation.wav").is_file()
    cases = {case.get("name"): case for case in ET.parse(pytester.path / "report.xml").iter("testcase")}
    assert cases["wrong"].find("failure") is not None
    properties = {each.get("name"): each.get("value") for each in cases["good"].iter("property")}
    assert 300 < float(properties["turn1.first_audio_ms"] or 0) < 3000
    assert float(properties["cost_usd"] or 0) > 0


def test_what_cannot_be_held_is_an_error_and_no_failure(pytester) -> None:
    scenario(pytester, "tools.py", "this is no Python")
    scenario(pytester, "broken.scenario.toml", f'tools = "tools.py"\n{GOOD}')
    scenario(pytester, "refused.scenario.toml", f'faults = ["quota"]\n{GOOD}')

    done = pytester.runpytest_subprocess(*FAST, "-v")

    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["broken.scenario: usage error: *tools.py*"])
    done.stdout.fnmatch_lines(["refused.scenario: service error: *quota*"])


def test_a_file_that_is_no_scenario_is_one_line(pytester) -> None:
    scenario(pytester, "typo.scenario.toml", GOOD.replace("tags", "tag"))

    done = pytester.runpytest_subprocess()

    assert done.ret == 2
    done.stdout.fnmatch_lines(["*typo.scenario.toml:2: unknown key `tag`*did you mean*"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_each_variant_is_a_test_and_tags_select(pytester) -> None:
    matrix = '[matrix]\nvoice = ["Puck", "Kore"]\n[[turn]]'
    scenario(pytester, "good.scenario.toml", GOOD.replace("[[turn]]", matrix, 1))
    scenario(pytester, "wrong.scenario.toml", WRONG)

    done = pytester.runpytest_subprocess(*FAST, "-k", "smoke", "-v")

    done.assert_outcomes(passed=2, deselected=1)
    done.stdout.fnmatch_lines(["*::good-Puck PASSED*", "*::good-Kore PASSED*"])
    pytester.runpytest_subprocess(*FAST, "-m", "not flashlive_scenario").assert_outcomes(deselected=3)


def test_a_test_is_named_after_its_file_whatever_letters_that_has(pytester) -> None:
    scenario(pytester, "say hi.scenario.toml", GOOD)
    scenario(pytester, "say no.scenario.toml", '[matrix]\nvoice = ["Puck"]\n' + GOOD.replace("tags", "# tags"))

    listed = pytester.runpytest_subprocess("--collect-only", "-q")

    listed.stdout.fnmatch_lines(["*::say hi", "*::say no-Puck"])


@pytest.mark.flashlive_sim(tls=False)
def test_scenarios_are_held_with_the_server_that_is_named(pytester, flashlive_sim) -> None:
    scenario(pytester, "good.scenario.toml", GOOD)

    done = pytester.runpytest_subprocess("--flashlive-url", flashlive_sim.url, "-v")

    done.assert_outcomes(failed=1)
    typed = [message["realtimeInput"].get("text") for message in flashlive_sim.messages("c")[1:]]
    assert [text for text in typed if text] == ["What time is it?"]
    done.stdout.fnmatch_lines(["*reply: expected /noon/, got *simulator*"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--flashlive-url", "google"), "*no API key; set GEMINI_API_KEY*"),
        (("--flashlive-url", "ftp://x"), "*is no URL*"),
        (("--flashlive-url", "ws://127.0.0.1:1", "--flashlive-speed", "2"), "*real time*"),
        (("--flashlive-speed", "1000"), "*between 0.1 and 100*"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(pytester, options, why) -> None:
    done = pytester.runpytest_subprocess(*options)

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: {why}"])


def test_the_key_is_neither_shown_nor_kept(pytester, monkeypatch) -> None:
    key = "AIza-no-key-at-all-but-a-secret"
    monkeypatch.setenv("GEMINI_API_KEY", key)
    scenario(pytester, "good.scenario.toml", GOOD)

    done = pytester.runpytest_subprocess("--flashlive-url", "ws://127.0.0.1:9", "--flashlive-evidence", "kept", "-v")

    done.assert_outcomes(errors=1)
    assert key not in done.stdout.str() + done.stderr.str()
    assert not any(key in file.read_text() for file in (pytester.path / "kept").rglob("*.[jn]*"))


def test_it_works_under_xdist(pytester) -> None:
    for number in range(3):
        scenario(pytester, f"good{number}.scenario.toml", GOOD)
    scenario(pytester, "wrong.scenario.toml", WRONG)
    pytester.makepyfile(CLIENT)

    done = pytester.runpytest_subprocess(*FAST, "-n", "2", "--flashlive-evidence", "kept")

    done.assert_outcomes(passed=5, failed=1)
    done.stdout.fnmatch_lines(["*turn 1: reply: expected /midnight/*"])
    assert len(list((pytester.path / "kept").iterdir())) == 4


CLIENT = """
import json, ssl

import pytest
from websockets.sync.client import connect

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def talk(sim, words="hello"):
    context = ssl.create_default_context(cafile=sim.ca_file) if sim.ca_file else None
    said = []
    with connect(sim.url + PATH, ssl=context, additional_headers={"x-goog-api-key": sim.key}) as socket:
        setup = {"model": "models/gemini-3.1-flash-live-preview", "outputAudioTranscription": {}}
        socket.send(json.dumps({"setup": setup | {"generationConfig": {"responseModalities": ["AUDIO"]}}}))
        assert "setupComplete" in json.loads(socket.recv())
        socket.send(json.dumps({"realtimeInput": {"text": words}}))
        while True:
            content = json.loads(socket.recv()).get("serverContent", {})
            said.append(content.get("outputTranscription", {}).get("text", ""))
            if content.get("turnComplete"):
                return "".join(said)


def test_default(flashlive_sim):
    assert flashlive_sim.url.startswith("wss://127.0.0.1:")
    assert "hello" in talk(flashlive_sim)
    assert flashlive_sim.messages()[1] == {"realtimeInput": {"text": "hello"}}


@pytest.mark.flashlive_sim(tls=False, speed=10, scenario='''
[[turn]]
text = "hello"
[turn.sim]
reply = "Good day."
''')
def test_scenario(flashlive_sim):
    assert flashlive_sim.url.startswith("ws://127.0.0.1:")
    assert flashlive_sim.ca_file is None
    assert talk(flashlive_sim) == "Good day."
    assert flashlive_sim.mismatches == []
"""


def test_the_fixture_serves_any_client(pytester) -> None:
    pytester.makepyfile(CLIENT)

    pytester.runpytest_subprocess("-v").assert_outcomes(passed=2)


def test_the_fixture_needs_no_asyncio_plugin_and_no_cryptography(pytester) -> None:
    pytester.makepyfile(
        CLIENT.replace('assert flashlive_sim.url.startswith("wss:', 'assert flashlive_sim.url.startswith("ws:')
    )
    # as where the extra is not installed: there is no such package to be found
    pytester.makeconftest(
        """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "cryptography":
            raise ModuleNotFoundError(name)

import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "cryptography" else found(name, package)
"""
    )
    scenario(pytester, "good.scenario.toml", GOOD)

    done = pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:anyio", *FAST)

    done.assert_outcomes(passed=3)


def test_the_fixture_is_told_by_marker_and_by_parameter_and_reads_files_beside_the_test(pytester) -> None:
    (pytester.path / "deep").mkdir()
    scenario(pytester, "deep/clock.toml", GOOD)
    (pytester.path / "deep" / "test_it.py").write_text(
        CLIENT.partition("def test_default")[0]
        + """
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.flashlive_sim(speed=10, tls=False)


@pytest.mark.flashlive_sim(scenario="clock.toml")
class TestClock:
    def test_right(self, flashlive_sim):
        assert talk(flashlive_sim, "What time is it?") == "It is noon."
        flashlive_sim.stop()
        assert flashlive_sim.mismatches == []

    def test_otherwise(self, flashlive_sim):
        assert talk(flashlive_sim, "Hello?") == "It is noon."
        flashlive_sim.stop()
        assert "Hello?" in flashlive_sim.mismatches[0]

    @pytest.mark.flashlive_sim(strict=True)
    def test_strict(self, flashlive_sim):
        talk(flashlive_sim, "Hello?")

    @pytest.mark.flashlive_sim(strict=True)
    def test_nobody(self, flashlive_sim):
        pass


@pytest.mark.parametrize("flashlive_sim", [{"faults": "drop-1006@0.2"}, {"key": "k"}], indirect=True)
def test_fault(flashlive_sim):
    with pytest.raises(ConnectionClosed):
        for _ in range(100):
            if flashlive_sim.key == "k":
                flashlive_sim.key = "another"
            talk(flashlive_sim)


@pytest.mark.flashlive_sim(scenerio="x")
def test_typo(flashlive_sim):
    pass


@pytest.mark.flashlive_sim(scenario="missing.toml")
def test_missing(flashlive_sim):
    pass
"""
    )

    done = pytester.runpytest_subprocess("-v")

    done.assert_outcomes(passed=6, errors=4)
    done.stdout.fnmatch_lines(["*unexpected: *Hello?*"])
    done.stdout.fnmatch_lines(["unexpected: nobody has connected: nothing was tested"])
    done.stdout.fnmatch_lines(["*knows no 'scenerio'*scenario*"])
    done.stdout.fnmatch_lines(["flashlive_sim: *missing.toml*"])


def test_programs_and_sdks_are_led_to_the_fixture(pytester) -> None:
    shutil.copy(EXAMPLES / "live.py", pytester.path)
    pytester.makepyfile(
        """
import os, subprocess, sys
import pytest

SCENARIO = '''
[[turn]]
[turn.sim]
reply = "Led here."
'''
pytestmark = pytest.mark.flashlive_sim(scenario=SCENARIO, speed=5)


def test_program(flashlive_sim):
    done = subprocess.run([sys.executable, "live.py"], env=flashlive_sim.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert flashlive_sim.messages()


@pytest.mark.filterwarnings("default")
def test_in_this_process(flashlive_sim_env):
    import asyncio
    from google import genai

    async def ask():
        config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}
        async with genai.Client().aio.live.connect(model="gemini-3.1-flash-live-preview", config=config) as session:
            await session.send_realtime_input(text="hello")
            said = ""
            async for message in session.receive():
                content = message.server_content
                if content and content.output_transcription:
                    said += content.output_transcription.text or ""
            return said

    assert asyncio.run(ask()) == "Led here."


def test_afterwards():
    assert "GOOGLE_GEMINI_BASE_URL" not in os.environ
"""
    )

    pytester.runpytest_subprocess("-v").assert_outcomes(passed=3)


def test_an_async_test_may_use_the_fixture_in_its_own_loop(pytester) -> None:
    pytester.makeini(f"{STRICT}asyncio_mode = auto\n")
    pytester.makepyfile(
        """
import asyncio, threading

async def test_it(flashlive_sim):
    reader, writer = await asyncio.open_connection("127.0.0.1", flashlive_sim.port)
    writer.close()
    assert any(thread.name == "flashlive-sim" for thread in threading.enumerate())

def test_after():
    assert not any(thread.name == "flashlive-sim" for thread in threading.enumerate())
"""
    )

    pytester.runpytest_subprocess("-v").assert_outcomes(passed=2)


def test_a_simulator_that_does_not_end_fails_the_test_in_one_line(monkeypatch) -> None:
    let_go = threading.Event()

    @asynccontextmanager
    async def clinging(**options):
        async with serve(**options) as server:
            yield server
            await asyncio.to_thread(let_go.wait)

    monkeypatch.setattr(simulator, "serve", clinging)
    running = simulator.run_simulator(Wanted(tls=False), None)
    assert next(running).port
    monkeypatch.setattr(simulator, "_PATIENCE_S", 0.5)
    (thread,) = (each for each in threading.enumerate() if each.name == "flashlive-sim")

    with pytest.raises(pytest.fail.Exception) as failed:
        next(running)
    assert str(failed.value) == "flashlive_sim: the simulator has not ended within 0.5 s, and its thread is left behind"
    let_go.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_run_that_uses_none_of_it_pays_for_none_of_it(pytester) -> None:
    pytester.makepyfile(
        """
import sys

def test_loaded():
    ours = {name for name in sys.modules if name.startswith("flashlive_cli.")}
    assert ours == {"flashlive_cli.pytest_plugin"}, ours
    assert not {"numpy", "pydantic", "websockets", "typer", "rich"} & set(sys.modules)
"""
    )

    done = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:anyio")

    done.assert_outcomes(passed=1)


def test_the_event_loop_of_others_is_left_alone(pytester) -> None:
    scenario(pytester, "a.scenario.toml", GOOD)
    pytester.makeconftest(
        """
import asyncio
import pytest

@pytest.fixture(scope="session", autouse=True)
def loop():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    assert asyncio.get_event_loop_policy().get_event_loop() is loop
    asyncio.set_event_loop(None)
    loop.close()
"""
    )
    pytester.makepyfile("def test_a(loop, flashlive_sim): pass\ndef test_b(loop): pass\n")

    pytester.runpytest_subprocess(*FAST, "-p", "no:asyncio").assert_outcomes(passed=3)


def test_names_of_the_marker_are_those_that_are_documented() -> None:
    section = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    for name in Wanted.__slots__:
        assert name == "folder" or f"`{name}`" in section, name


def test_the_plugin_is_registered_by_its_entry_point(pytester) -> None:
    done = pytester.run(sys.executable, "-m", "pytest", "--markers")

    done.stdout.fnmatch_lines(["@pytest.mark.flashlive_sim(scenario=None*"])
    help_text = pytester.runpytest_subprocess("--help")
    help_text.stdout.fnmatch_lines(["*--flashlive-url=URL*", "*--flashlive-speed=N*", "*--flashlive-evidence=DIR*"])
    assert (done.ret, help_text.ret) == (0, 0)
