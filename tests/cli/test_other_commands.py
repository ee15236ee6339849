"""Help, completion, catalogue and settings: all of it without key, network and sound."""

import json
import os
import stat
import subprocess
import sys
from typing import get_args

import pytest

from flashlive_cli import __version__


@pytest.mark.parametrize(
    "command",
    [(), ("talk",), ("sim",), ("voices",), ("models",), ("config",), ("config", "path"), ("config", "show")],
    ids=" ".join,
)
def test_help_is_there_for_every_command(shell, command) -> None:
    done = shell(*command, "--help")

    assert (done.code, done.err) == (0, "")
    assert "Usage: flashlive" in done.out


def test_the_bare_command_shows_what_there_is(shell) -> None:
    done = shell()

    assert done.code == 0
    assert "talk" in done.out


def test_the_version_comes_from_one_place(shell) -> None:
    assert shell("--version").out == f"flashlive {__version__}\n"


def test_voices_and_models_are_listed_for_people_and_programs(shell) -> None:
    assert "Puck            Upbeat" in shell("voices").out
    assert {"name": "Puck", "style": "Upbeat"} in json.loads(shell("voices", "--json").out)
    assert "gemini-3.1-flash-live-preview  (default)" in shell("models").out
    rows = {row["id"]: row for row in json.loads(shell("models", "--json").out)}
    assert rows["gemini-3.8-live-extended-thinking"]["thinking_level_required"]
    assert rows["gemini-3.8-live"]["usd_per_million_tokens"]["audio_out"] == 12
    assert "out: sound 12.00" in shell("models").out


@pytest.mark.parametrize(("typed", "expected"), [("Pu", {"Puck", "Pulcherrima"}), ("ZE", {"ZEphyr"})])
def test_the_shell_completes_voices_in_any_letter_case(shell, typed, expected) -> None:
    words = f"flashlive talk --voice {typed}"
    done = subprocess.run(
        [sys.executable, "-c", "from flashlive_cli.cli import main; main()"],
        env={**os.environ, "_FLASHLIVE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert set(done.stdout.split()) == expected, done


def test_settings_are_shown_with_where_they_come_from(shell, monkeypatch) -> None:
    (shell.folder / "flashlive.toml").write_text('voice = "Kore"\n[profile.fast]\nsilence_ms = 300\n')
    monkeypatch.setenv("FLASHLIVE_LANGUAGE", "pl-PL")
    monkeypatch.setenv("GEMINI_API_KEY", "sEcReT")

    done = shell("config", "show", "--json", "--profile", "fast")

    rows = json.loads(done.out)
    assert rows["voice"]["value"] == "Kore"
    assert rows["voice"]["source"].endswith("flashlive.toml")
    assert rows["language"] == {"value": "pl-PL", "source": "environment FLASHLIVE_LANGUAGE"}
    assert rows["silence_ms"]["source"].endswith("[profile.fast]")
    assert rows["model"]["source"] == "default"
    assert "sEcReT" not in done.out + shell("config", "show").out


def test_a_settings_file_is_written_found_and_read(shell) -> None:
    wrote = shell("config", "init")
    path = shell.folder / "config" / "flashlive" / "config.toml"

    assert wrote.code == 0, wrote
    assert path.is_file()
    assert json.loads(shell("config", "path", "--json").out)["user"] == {"path": str(path), "exists": True}
    assert shell("config", "show").code == 0
    assert shell("config", "init").code == 2
    assert shell("config", "init", "--force").code == 0


def test_settings_apply_to_a_talk(shell) -> None:
    (shell.folder / "flashlive.toml").write_text('voice = "kore"\nformat = "json"\noutput = "o.wav"\nspeed = 20\n')

    done = shell("talk", "--sim", "-x", "hi")

    assert done.record("session.ready")["voice"] == "Kore"
    assert (shell.folder / "o.wav").stat().st_size > 1000


def test_a_folder_with_an_escape_in_its_name_does_not_reach_the_terminal(shell, monkeypatch) -> None:
    folder = shell.folder / "esc\x1b[31m"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "flashlive.toml").write_text('voice = "Puck"\n')

    for command in (("path",), ("show",), ("init", "a\x1b[31m.toml")):
        done = shell("config", *command)
        assert done.code == 0, done
        assert "\x1b" not in done.out
        assert "\\x1b" in done.out


def test_the_words_of_the_command_line_are_those_of_the_settings() -> None:
    from flashlive_cli.cli import talk
    from flashlive_cli.config import SETTINGS

    def words(name: str) -> tuple[str, ...]:
        return get_args(SETTINGS[name].type)

    assert words("echo") == get_args(talk.EchoMode)
    assert words("format") == get_args(talk.Format)
    assert words("thinking") == get_args(talk.Level)
    assert words("start_sensitivity") == words("end_sensitivity") == get_args(talk.Sensitivity)
    assert words("log_level") == get_args(talk.LogLevel)
    assert words("video_when") == get_args(talk.VideoWhen)


def test_the_simulator_ends_when_nobody_reads_its_notes(shell) -> None:
    with shell.started("sim", "--port", "0") as simulator:
        url = next(word for word in simulator.stdout.readline().split() if word.startswith("ws://"))
        simulator.stdout.close()
        shell("talk", "--url", url, "-x", "hi")
        assert simulator.wait(20) == 1
        err = simulator.stderr.read()
        simulator.stdout = None

    assert err.count("\n") == 1
    assert "stdout takes no more output" in err


def test_a_terminal_that_cannot_spell_the_answer_gets_its_escapes(shell, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    with shell.started("talk", "--sim", "--speed", "20", "-x", "zażłć") as process:
        assert process.wait(30) == 0
        assert "za\\u017c" in process.stdout.read()


def test_the_log_is_for_its_owners_eyes_only(shell) -> None:
    (shell.folder / "log.txt").touch(0o644)
    assert (
        shell("talk", "--sim", "--speed", "20", "-x", "hi", "--log-file", "log.txt", "--log-level", "debug").code == 0
    )
    assert stat.S_IMODE((shell.folder / "log.txt").stat().st_mode) == 0o600
