"""What flashlive runs on: Python, packages, the terminal, and the kind of place this is."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

from flashlive_cli import __version__
from flashlive_cli.cli.checks import Check
from flashlive_cli.cli.devices import NO_SOUND

_PACKAGES: Final = ("numpy", "sounddevice", "websockets", "webrtcvad-wheels", "pywebrtc-audio")
_CANCELLER: Final = "pywebrtc-audio"
_NARROW_COLUMNS: Final = 60
_SSH, _WSL, _CONTAINER = "over SSH", "WSL", "a container"
_WAYS: Final = {
    _WSL: "WSL has a sound server: sudo apt install libportaudio2 libasound2-plugins",
    _CONTAINER: "give the container your sound server: -v $XDG_RUNTIME_DIR/pulse/native:/tmp/pulse "
    "-e PULSE_SERVER=unix:/tmp/pulse, with libportaudio2 and libasound2-plugins inside",
}


def check_python() -> Check:
    """Name the versions."""
    versions = {name: _version(name) for name in _PACKAGES}
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    figures = {"python": python, "system": system, "flashlive": __version__, "packages": versions}
    words = f"{python} on {system}; flashlive {__version__}, {found}"
    if versions[_CANCELLER] is None:
        advice = f"pip install {_CANCELLER}, or --echo half: without it echo cannot be cancelled"
        return Check("python", "warning", f"{words}; no {_CANCELLER}", advice, figures)
    return Check("python", "ok", words, figures=figures)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_terminal(env: Mapping[str, str], stdout: TextIO, stderr: TextIO) -> Check:
    """See what can be shown; `stderr` is the real one."""
    columns, rows = shutil.get_terminal_size()
    dumb = env.get("TERM") == "dumb"
    on = [name for name, stream in (("stdout", stdout), ("stderr", stderr)) if stream.isatty()]
    spells = _spells_everything(stderr)
    colours = _colours(env, dumb=dumb) if on else "none"
    figures = {
        "stdout_is_terminal": "stdout" in on, "stderr_is_terminal": "stderr" in on,
        "columns": columns, "rows": rows, "colours": colours, "unicode": spells,
    }  # fmt: skip
    size = f", {columns} x {rows}, colours: {colours}" if on else ""
    found = f"{' and '.join(on) or 'neither stdout nor stderr'} on a terminal{size}, {stderr.encoding}"
    troubles = _troubles(env, dumb=dumb, spells=spells, narrow=bool(on) and columns < _NARROW_COLUMNS)
    if troubles:
        words, advice = zip(*troubles, strict=True)
        return Check("terminal", "warning", f"{found}; {', '.join(words)}", "; ".join(advice), figures)
    return Check("terminal", "ok", found, figures=figures)


def _troubles(env: Mapping[str, str], *, dumb: bool, spells: bool, narrow: bool) -> list[tuple[str, str]]:
    troubles = []
    if dumb:
        troubles.append(("TERM=dumb", "--format plain needs no terminal"))
    if narrow:
        troubles.append(("narrow", f"widen the window to {_NARROW_COLUMNS} columns"))
    if not spells:
        advice = "chcp 65001, or set PYTHONUTF8=1" if sys.platform == "win32" else "export LANG=C.UTF-8"
        troubles.append(("it cannot spell every letter, which come as escapes", advice))
    if sys.platform == "win32" and not env.get("WT_SESSION") and not env.get("TERM"):
        troubles.append(("the old console", "Windows Terminal shows more"))
    return troubles


def _spells_everything(stream: TextIO) -> bool:
    try:
        "ż…●日".encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _colours(env: Mapping[str, str], *, dumb: bool) -> str:
    if env.get("NO_COLOR"):
        return "none (NO_COLOR)"
    if dumb:
        return "none"
    if env.get("COLORTERM", "").casefold() in {"truecolor", "24bit"} or env.get("WT_SESSION"):
        return "16 million"
    return "256" if "256" in env.get("TERM", "") else "16"


def check_place(env: Mapping[str, str], *, has_devices: bool) -> Check:
    """Notice places where sound cards are rare: SSH, containers, WSL; and say what to do where there are none."""
    places = _places(env)
    found = ", ".join(places) or "this computer itself"
    if has_devices:
        return Check("place", "ok", found, figures={"places": places})
    ways = "; ".join(way for place, way in _WAYS.items() if place in places)
    advice = f"{ways}; else {NO_SOUND}" if ways else NO_SOUND
    return Check("place", "warning", f"{found}, without sound", advice, {"places": places})


def _places(env: Mapping[str, str]) -> list[str]:
    places = []
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        places.append(_SSH)
    if env.get("WSL_DISTRO_NAME") or "microsoft" in _first_line(Path("/proc/version")).casefold():
        places.append(_WSL)
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    if env.get("container") or env.get("KUBERNETES_SERVICE_HOST") or any(map(os.path.exists, marks)):
        places.append(_CONTAINER)
    return places


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
