"""What goes together on the command line of a talk, and what the words `mic`, `speaker`, `cmd:` and `-` mean there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flashlive_cli.cli.service import check_far_end
from flashlive_cli.cli.turns import Given
from flashlive_cli.config import Config, Resolved
from flashlive_cli.errors import ConfigError

STDIN: Final = "-"
STDOUT: Final = "-"
MICROPHONE: Final = "mic"
SPEAKER: Final = "speaker"
PROGRAM: Final = "cmd:"
"""Before the command line of a program that stands in for a sound card."""
_OUTPUTS: Final = {STDOUT, "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What `flashlive talk` was asked for by flags that are no settings.

    Attributes:
        turns: what to say, in order.
        raw: stdin is bare PCM.
        sim: talk to the built-in simulator.
        scenario: what that hears and answers.
        yes: run tools that ask first without asking.
        resume: take up the last talk.
    """

    turns: Sequence[Given]
    raw: bool
    sim: bool
    scenario: Path | None
    yes: bool
    resume: bool


def live_input(given: Sequence[Given]) -> str | None:
    """Return where the user speaks live: where nothing else was given to say, or it was asked for."""
    if not given:
        return MICROPHONE
    return next((turn.value for turn in given if turn.kind == "input" and is_live(turn.value, MICROPHONE)), None)


def live_output(settings: Config, given: Sequence[Given]) -> str | None:
    """Return where the voice is heard live; with a microphone the speaker is the default."""
    if settings.output is None:
        return SPEAKER if live_input(given) == MICROPHONE else None
    return settings.output if is_live(settings.output, SPEAKER) else None


def is_live(value: str, device: str) -> bool:
    """Whether an input or output is that device, or a program in its place."""
    return value == device or value.startswith(PROGRAM)


def check_devices(resolved: Resolved, ears: str | None, mouth: str | None) -> None:
    """
    Refuse flags about sound cards in a talk that uses none; a settings file may say them once for all talks.

    Raises:
        ConfigError: with the flag.
    """
    for key in ("video_fps", "video_when"):
        if resolved.config.video is None and resolved.sources[key].startswith("flag"):
            raise ConfigError(f"{resolved.sources[key].removeprefix('flag ')} goes with --video")
    uses = {
        "input_device": ears == MICROPHONE,
        "output_device": mouth == SPEAKER,
        "echo": ears == MICROPHONE and mouth == SPEAKER,
    }
    for key, used in uses.items():
        if not used and resolved.sources[key].startswith("flag"):
            what = {"input_device": "a microphone", "output_device": "a speaker"}.get(key, "microphone and speaker")
            raise ConfigError(f"{resolved.sources[key].removeprefix('flag ')} goes with {what} of a sound card")


def check_options(settings: Config, asked: Asked) -> None:
    """
    Refuse what does not go together.

    Raises:
        ConfigError: with the two that do not.
    """
    given, scenario = asked.turns, asked.scenario
    inputs = [turn.value for turn in given if turn.kind == "input"]
    ears, mouth = live_input(given), live_output(settings, given)
    if ears and len(given) > 1:
        raise ConfigError(f"--input {ears} takes no other turns beside it")
    if settings.speed != 1 and (ears or mouth):
        raise ConfigError("--speed goes with files: microphone and speaker run in real time")
    if settings.echo not in {"auto", "off"} and any(end and end.startswith(PROGRAM) for end in (ears, mouth)):
        raise ConfigError(f"--echo {settings.echo} goes with a sound card: what a program plays when is not known")
    if settings.video == "":
        raise ConfigError("--video is empty; give camera, screen, or a file or folder")
    if any(not turn.value for turn in given):
        raise ConfigError("an --input or --text is empty")
    if inputs.count(STDIN) > 1:
        raise ConfigError("--input - can be given once: stdin is read to its end")
    if asked.raw and STDIN not in inputs:
        raise ConfigError("--raw goes with --input -")
    if scenario is not None and not asked.sim:
        raise ConfigError("--scenario goes with --sim")
    check_far_end(sim=asked.sim, url=settings.url, speed=settings.speed)
    read = (
        [name for name in inputs if name != STDIN and not is_live(name, MICROPHONE)]
        + settings.tools
        + ([settings.mcp] if settings.mcp else [])
        + ([str(scenario)] if scenario else [])
    )
    read += [settings.system[1:]] if settings.system and settings.system.startswith("@") else []
    files = (("--log-file", settings.log_file), ("--output", None if mouth else settings.output))
    for option, written in files:
        if written and (taken := next((name for name in read if _is_same_file(name, written)), None)):
            raise ConfigError(f"{option} {written} would overwrite {taken}")
        read += [written] if written else []
    if settings.output and not mouth and not _may_be_wav(settings.output):
        raise ConfigError(f"--output {settings.output} would be a WAV file: name it so, or give - or none")


def _may_be_wav(output: str) -> bool:
    path = Path(output)
    is_device = path.exists() and not path.is_file() and not path.is_dir()
    return output in _OUTPUTS or path.suffix.lower() in {".wav", ".wave"} or is_device or path.is_dir()


def _is_same_file(one: str, other: str) -> bool:
    if Path(one).absolute() == Path(other).absolute():
        return True
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):  # one of them is not there, or no path at all
        return False
