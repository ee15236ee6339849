"""`flashlive sim`: a server for scripts, and the far end of a program."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flashlive_cli.sim.guests import DUMMY_KEY, guest_environment, guest_settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and shells are POSIX's")

SCENARIO = '[[turn]]\ntext = "Hello"\n[turn.sim]\nreply = "Good day."\n'
GUEST = """
import asyncio, json, os, sys
from websockets.asyncio.client import connect
url = os.environ["GOOGLE_GEMINI_BASE_URL"].replace("http", "ws")
async def main():
    async with connect(url + "/ws/x.v1beta.y.BidiGenerateContent?key=" + os.environ["GEMINI_API_KEY"]) as ws:
        await ws.send(json.dumps({"setup": {"model": "models/gemini-3.8-live", "outputAudioTranscription": {}}}))
        await ws.recv()
        for text in sys.argv[1:]:
            await ws.send(json.dumps({"realtimeInput": {"text": text}}))
            while "turnComplete" not in json.loads(await ws.recv()).get("serverContent", {}):
                pass
asyncio.run(main())
"""


@pytest.fixture
def guest(tmp_path: Path) -> list[str]:
    """A program that types what it is given."""
    (tmp_path / "guest.py").write_text(GUEST)
    return [sys.executable, str(tmp_path / "guest.py")]


def ended(shell, *args, timeout=30):
    """A whole run as a process of its own."""
    with shell.started("sim", *args) as process:
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err


def test_a_program_gets_what_leads_it_to_the_simulator(shell, monkeypatch):
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    code, out, _ = ended(shell, "--", sys.executable, "-c", show)
    assert code == 0
    env = json.loads(out)
    assert env["GOOGLE_GEMINI_BASE_URL"].startswith("https://127.0.0.1:")
    assert env["GEMINI_API_KEY"] == env["GOOGLE_API_KEY"] == DUMMY_KEY
    assert env["SSL_CERT_FILE"] == env["REQUESTS_CA_BUNDLE"]
    assert Path(env["SSL_CERT_FILE"]).is_relative_to(Path(env["NODE_EXTRA_CA_CERTS"]).parent)
    assert "GOOGLE_GENAI_USE_VERTEXAI" not in env
    assert not Path(env["SSL_CERT_FILE"]).parent.exists(), "the certificate goes when the program does"


def test_proxies_and_certificates_of_the_user_stay_in_force(tmp_path):
    from flashlive_cli.sim.certificate import throw_away_certificate

    own = tmp_path / "own.pem"
    own.write_text("-- OURS --\n")
    inherited = {"NODE_EXTRA_CA_CERTS": str(own), "https_proxy": "http://proxy:1", "NO_PROXY": "corp"}
    with throw_away_certificate() as certificate:
        settings = guest_settings(inherited, port=1, key="k", certificate=certificate)
        assert Path(settings["NODE_EXTRA_CA_CERTS"]).read_text().endswith("-- OURS --\n")
    assert settings["NO_PROXY"] == "corp,127.0.0.1,localhost,::1"
    assert settings["no_proxy"] == "127.0.0.1,localhost,::1"
    assert settings["GEMINI_API_KEY"] == "k"
    assert guest_environment(inherited, settings)["https_proxy"] == "http://proxy:1"
    assert "NO_PROXY" not in guest_settings({}, port=1, key=None, certificate=None)


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_the_programs(shell, code):
    assert ended(shell, "--", sys.executable, "-c", f"raise SystemExit({code})")[0] == code


@posix
def test_a_program_that_a_signal_ended_is_told_as_a_shell_tells_it(shell):
    assert ended(shell, "--", "sh", "-c", "kill -KILL $$")[0] == 137


def test_a_program_that_is_not_there_is_one_line(shell, tmp_path):
    code, out, err = ended(shell, "--", "no-such-program")
    assert (code, out, err) == (127, "", "flashlive: error: there is no program no-such-program\n")
    if sys.platform != "win32":
        (tmp_path / "plain").touch()
        code, _, err = ended(shell, "--", "./plain")
        assert (code, err.count("\n")) == (126, 1)


def test_stdin_and_stdout_are_the_programs(shell):
    with shell.started("sim", "--", sys.executable, "-c", "print(input()[::-1])", stdin=subprocess.PIPE) as process:
        out, err = process.communicate("abc\n", timeout=30)
    assert (process.returncode, out, err) == (0, "cba\n", "")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_goes_to_the_program_which_may_end_in_its_own_way(shell, number):
    program = "trap 'echo bye; exit 5' TERM INT; echo up; while :; do sleep 0.05; done"
    with shell.started("sim", "--", "sh", "-c", program) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (5, "bye\n")


@posix
def test_a_program_that_does_not_end_is_killed(shell):
    with shell.started("sim", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done") as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 137


@posix
def test_a_signal_that_comes_at_once_is_not_lost(shell):
    for _ in range(3):
        with shell.started(
            "sim", "--", "sh", "-c", "trap 'exit 5' TERM; kill -TERM $PPID; while :; do sleep 0.05; done"
        ) as process:
            assert process.wait(30) in (5, 143)


def test_what_a_client_does_otherwise_fails_the_run_where_that_is_asked_for(shell, guest, tmp_path):
    scenario = tmp_path / "hello.toml"
    scenario.write_text(SCENARIO)
    options = ["--no-tls", "--speed", "50", "--scenario", scenario]
    code, _, err = ended(shell, *options, "--fail-on-unexpected", "--", *guest, "Hello")
    assert (code, "unexpected" in err) == (0, False)
    code, _, err = ended(shell, *options, "--fail-on-unexpected", "--quiet", "--", *guest, "Bye")
    assert code == 1
    assert err.splitlines() == ["unexpected: #1 turn 1: the scenario types 'Hello', the user typed 'Bye'"]
    code, _, err = ended(shell, *options, "--fail-on-unexpected", "--", *guest)
    assert (code, "turn 1 of the scenario was never taken" in err) == (1, True)
    code, _, err = ended(shell, *options, "--", *guest, "Bye")
    assert (code, "unexpected" in err) == (0, True)
    code, _, err = ended(shell, *options, "--fail-on-unexpected", "--", sys.executable, "-c", "pass")
    assert (code, "nobody has connected" in err) == (1, True)


def test_traffic_is_kept_for_its_owner_only_and_without_the_key(shell, guest, tmp_path):
    folder = tmp_path / "traffic"
    options = ["--no-tls", "--speed", "50", "--key", "secret-key", "--record"]
    assert ended(shell, *options, folder, "--", *guest, "my key is secret-key")[0] == 0
    (file,) = folder.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert "setup" in lines[0]["c"]
    assert lines[1]["s"] == {"setupComplete": {}}
    assert {"realtimeInput": {"text": "my key is [key]"}} in [line.get("c") for line in lines]
    assert lines[-1]["close"] == {"by": "c", "code": 1000, "reason": ""}
    assert "secret-key" not in file.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    single = tmp_path / "one.jsonl"
    assert ended(shell, *options, single, "--", *guest, "Hi")[0] == 0
    assert {json.loads(line)["session"] for line in single.read_text().splitlines()} == {1}
    code, _, err = ended(shell, *options, single, "--replay", single, "--", *guest, "Hi")
    assert (code, "would be lost" in err) == (2, True)
    replay = ["--no-tls", "--speed", "50", "--replay", single, "--fail-on-unexpected", "--quiet", "--"]
    assert ended(shell, *replay, *guest, "Hi") == (0, "", "")
    code, _, err = ended(shell, *replay, *guest, "Hi", "Ho")
    assert code == 1
    assert "unexpected: #1 live text 'Ho' after the end of the recording" in err


def test_the_log_shows_both_directions_and_no_key(shell, guest):
    options = ["--no-tls", "--speed", "50", "--key", "secret-key", "--log", "--quiet", "--"]
    code, out, err = ended(shell, *options, *guest, "secret-key \x1b[31m")
    assert (code, out) == (0, "")
    assert '#1 < {"setupComplete":{}}' in err
    assert '#1 > {"realtimeInput":{"text":"[key] ' in err
    assert "#1 > close 1000" in err
    assert "secret-key" not in err
    assert "\x1b" not in err
    assert "< sound, " in err


def test_a_fault_is_met_by_the_program(shell, guest):
    code, _, err = ended(shell, "--no-tls", "--fault", "quota", "--", *guest, "Hello")
    assert code == 1
    assert "closed with 1011 You exceeded your current quota" in err


def test_faults_are_listed_with_their_sources(shell):
    told = shell("sim", "--list-faults")
    assert told.code == 0
    assert "drop-1006  (in turn 1)" in told.out
    assert told.out.count("source: ") > 20


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--fault", "no-such"], "there is no fault"),
        (["--replay", "missing.jsonl"], "missing.jsonl: No such file"),
        (["--replay", "a", "--scenario", "b"], "--scenario and --replay"),
        (["--replay", "a", "--fault", "quota"], "--fault and --replay"),
        (["--json", "--", "true"], "--json is for a server"),
        (["--record", "/dev/null/x", "--port", "0"], "/dev/null/x: cannot be recorded into"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(shell, args, words):
    told = shell("sim", *args)
    assert told.code == 2
    assert words in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(("name", "kind"), [("traffic", "file"), ("traffic.jsonl", "folder")])
def test_where_recordings_go_is_told_who_names_the_wrong_thing(shell, name: str, kind: str):
    path = shell.folder / name
    path.touch() if kind == "file" else path.mkdir()
    told = shell("sim", "--record", name, "--port", "0")
    assert told.code == 2
    takes = "--record takes a folder, or a file whose name ends in .jsonl, which is written anew"
    assert told.err == f"flashlive: error: {name}: is a {kind}; {takes}\n"


@posix
def test_a_scenario_that_calls_what_nobody_declares_is_told_once(shell):
    (shell.folder / "s.toml").write_text('[[turn]]\n[turn.sim]\ncalls = [{ name = "f" }]\n' * 2)
    warning = "warning: the scenario calls f, which the client has not declared: the service would never do that"
    with shell.started("sim", "--port", "0", "--speed", "20", "--quiet", "--scenario", "s.toml") as process:
        url = process.stdout.readline().split()[2]
        assert shell("talk", "--url", url, "-x", "Hello", "-x", "Hello").code == 0
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert out.splitlines() == [warning]

    talked = shell("talk", "--sim", "--scenario", "s.toml", "--speed", "20", "-x", "Hello", "-x", "Hello")
    assert talked.code == 0
    assert talked.err.count(warning) == 1


def test_tls_without_its_package_is_told_in_one_line(shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    told = shell("sim", "--tls", "--port", "0")
    assert (told.code, told.out) == (2, "")
    assert "pip install 'flashlive-cli[tls]'" in told.err


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_server_is_ready_when_it_says_so_and_ends_as_it_is_told(shell, number, code):
    with shell.started("sim", "--port", "0") as process:
        assert process.stdout.readline().startswith("listening on ws://127.0.0.1:")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, "", "")


@posix
def test_a_script_reads_where_the_server_is_from_one_line_of_json(shell, monkeypatch):
    with shell.started("sim", "--port", "0", "--tls", "--json") as process:
        found = json.loads(process.stdout.readline())
        port = found["url"].rpartition(":")[2]
        assert found["url"].startswith("wss://127.0.0.1:")
        assert found["env"]["GOOGLE_GEMINI_BASE_URL"] == f"https://127.0.0.1:{port}"
        assert Path(found["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        # a client that was told nothing but these variables
        fetch = (
            "import os, urllib.request\n"
            "url = os.environ['GOOGLE_GEMINI_BASE_URL'] + '/v1alpha/auth_tokens'\n"
            "print(urllib.request.urlopen(urllib.request.Request(url, b'{}')).status)"
        )
        env = os.environ | found["env"]
        done = subprocess.run([sys.executable, "-c", fetch], env=env, capture_output=True, text=True, check=False)
        assert done.stdout == "200\n", done.stderr
        process.terminate()
        assert process.wait(30) == 0
    assert not Path(found["ca_file"]).exists()


@posix
def test_mismatches_are_told_by_a_server_when_it_ends(shell, tmp_path):
    (tmp_path / "hello.toml").write_text(SCENARIO)
    (tmp_path / "guest.py").write_text(GUEST)
    with shell.started("sim", "--port", "0", "--scenario", "hello.toml", "--fail-on-unexpected", "--json") as process:
        env = os.environ | json.loads(process.stdout.readline())["env"]
        subprocess.run([sys.executable, "guest.py"], env=env, cwd=tmp_path, check=True, timeout=30)
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "unexpected: session 1: turn 1 of the scenario was never taken" in out
