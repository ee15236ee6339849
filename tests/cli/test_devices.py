"""`flashlive devices`, on real PortAudio and a virtual sound card."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flashlive_cli.audio.devices import Device

pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines


def run(shell: Any, *args: str, patience_s: float = 60) -> tuple[int, str, str]:
    """Run a command as a process of its own: PortAudio looks for devices once in a process."""
    with shell.started(*args) as process:
        out, err = process.communicate(timeout=patience_s)
        return process.returncode, out, err


def remember(shell: Any, **chosen: str) -> None:
    path = shell.folder / "state" / "flashlive" / "devices.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(chosen))


@pytest.fixture(autouse=True)
def state(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(shell.folder / "state"))


def test_devices_are_listed_with_what_a_talk_would_use(shell, card) -> None:
    code, out, err = run(shell, "devices")

    assert (code, err) == (0, "")
    assert "default microphone, default speaker, * a talk's microphone, * a talk's speaker" in out
    assert "microphone: 1 default (system's default)\nspeaker: 1 default (system's default)\n" in out


def test_programs_get_the_same_as_one_object(shell, card, monkeypatch) -> None:
    monkeypatch.setenv("FLASHLIVE_OUTPUT_DEVICE", "pulse")
    remember(shell, input="pulse", output="default")
    code, out, _ = run(shell, "devices", "--json")

    told = json.loads(out)
    assert code == 0
    assert told["schema"] == 1
    assert told["a_talk_uses"] == {
        "input": {"index": 0, "why": "chosen last time", "missing": None},
        "output": {"index": 0, "why": "environment FLASHLIVE_OUTPUT_DEVICE", "missing": None},
    }
    pulse, default = told["devices"]
    assert pulse["name"] == "pulse"
    assert pulse["host_api"] == "ALSA"
    assert pulse["rate_hz"] > 0
    assert pulse["a_talk_uses_it_for"] == ["input", "output"]
    assert pulse["chosen_last_time_for"] == ["input"]
    assert default["chosen_last_time_for"] == ["output"]
    assert default["default_for"] == ["input", "output"]
    assert default["a_talk_uses_it_for"] == []


def test_a_device_that_is_gone_or_never_was_is_named(shell, card, monkeypatch) -> None:
    monkeypatch.setenv("FLASHLIVE_OUTPUT_DEVICE", "nosuch")
    remember(shell, input="USB \x1b[31m")
    code, out, _ = run(shell, "devices")

    assert code == 0
    assert "warning: USB \\x1b[31m, the microphone chosen last time, is not there" in out
    assert "\x1b" not in out
    assert "speaker: none: 'nosuch' fits no speaker" in out
    assert "(environment FLASHLIVE_OUTPUT_DEVICE)" in out


def test_no_device_is_told_with_the_ways_that_need_none(shell, monkeypatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    code, out, err = run(shell, "devices")

    assert (code, out) == (4, "")
    assert "there is no sound device" in err
    assert all(way in err for way in ("--input FILE.wav", "--input -", "cmd:"))
    code, out, _ = run(shell, "devices", "--json")
    assert code == 4
    assert json.loads(out)["devices"] == []


def test_no_portaudio_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    code = (
        "import ctypes.util, platform, sys\n"
        "ctypes.util.find_library = lambda name: None\n"
        "platform.freedesktop_os_release = lambda: {'ID': 'debian'}\n"
        "from flashlive_cli.cli import main\n"
        "sys.exit(main(['devices']))\n"
    )
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)

    assert (done.returncode, done.stdout) == (4, "")
    assert "sudo apt install libportaudio2" in done.stderr


def test_a_frozen_sound_server_does_not_hang_the_command(shell, card) -> None:
    card.daemon.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    code, _, err = run(shell, "devices", patience_s=40)

    assert code == 4
    assert time.monotonic() - begun < 25
    assert "the sound system does not react" in err
    assert "Traceback" not in err


def test_ctrl_c_ends_the_wait_for_a_frozen_sound_server(shell, card) -> None:
    card.daemon.send_signal(signal.SIGSTOP)
    with shell.started("devices") as process:
        time.sleep(2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr.read() == ""


def test_a_headset_in_its_call_profile_is_warned_of(shell, monkeypatch) -> None:
    from flashlive_cli.audio import devices

    headset = Device(
        0, "Bluetooth Buds Hands-Free", "Core", 1, 1, 16_000, is_default_input=True, is_default_output=True
    )
    monkeypatch.setattr(devices, "list_devices", lambda: [headset])
    # not from `devices`: `choice` holds the same function
    done = shell("devices")

    assert done.code == 0, done
    assert "hands-free: sounds like a telephone" in done.out
    assert (
        "warning: Bluetooth Buds Hands-Free is in its hands-free profile, which sounds like a telephone: "
        "use another microphone, and the headset as speaker only"
    ) in done.out.splitlines()


def test_help_needs_no_sound(shell) -> None:
    assert shell("devices", "--help").code == 0
    assert shell("doctor", "--help").code == 0
