"""
Text spoken by espeak-ng, so that a scenario needs no recording; kept by its content, as it takes 0.1 s each time.

The same text is the same sound on one machine; another version of espeak-ng may say it a little differently.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import platformdirs

from flashlive_cli.errors import ConfigError, FileError, reason_of

WORDS_PER_MINUTE: Final = 165
_PATIENCE_S: Final = 30.0
_STALE_S: Final = 20 * _PATIENCE_S
"""Nobody is at work any more at a part that is so old: whoever was has been killed."""


def speak(text: str, cache: Path | None = None) -> Path:
    """
    Return a WAV file that says a text.

    Args:
        text: to be said; never an argument of the program's, which reads it from stdin.
        cache: where the files are kept; the platform's cache folder by default.

    Blocks as long as espeak-ng does.

    Raises:
        ConfigError: espeak-ng is not installed.
        FileError: it fails, or the file cannot be kept.
    """
    folder = cache or platformdirs.user_cache_path("flashlive", appauthor=False) / "spoken"
    name = hashlib.sha256(f"{WORDS_PER_MINUTE}\0{text}".encode()).hexdigest()
    path = folder / f"{name}.wav"
    if path.is_file():
        return path
    program = shutil.which("espeak-ng")
    if program is None:
        raise ConfigError(
            "say_text needs espeak-ng, which is not installed (apt install espeak-ng, brew install espeak-ng); "
            "or say it with a WAV file: say = …"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{name}.{os.getpid()}.part"
        try:
            _write(program, text, fresh)
            _sweep(folder, fresh.stat().st_mtime)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except (OSError, subprocess.TimeoutExpired) as exc:
        why = reason_of(exc) if isinstance(exc, OSError) else f"no answer within {_PATIENCE_S:g} s"
        raise FileError(f"{text!r} cannot be spoken into {folder}: {why}") from exc
    return path


def _write(program: str, text: str, path: Path) -> None:
    """Let espeak-ng speak into a file. Raises as `subprocess.run` does, and `FileError`."""
    command = [program, "--stdin", "-b", "1", "-s", str(WORDS_PER_MINUTE), "-w", str(path)]
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_PATIENCE_S, check=False)  # noqa: S603 - no shell
    if done.returncode or not path.is_file():
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FileError(f"espeak-ng failed on {text!r}: {told[-1] if told else f'exit code {done.returncode}'}")


def _sweep(folder: Path, now_s: float) -> None:
    """Take away what was left by who was killed in the middle; `now_s` by the clock of the folder's files."""
    for left in folder.glob("*.part"):
        with contextlib.suppress(OSError):  # others sweep, too
            if now_s - left.stat().st_mtime > _STALE_S:
                left.unlink()
