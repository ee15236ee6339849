"""
Options and arguments that several commands have, with the words for them.

Where the words differ from command to command, what makes an option is a function that takes them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo


def complete_voice(incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete a voice's name, with its style, in the letter case begun in: typer drops what begins otherwise."""
    from flashlive_cli.protocol.voices import VOICES  # noqa: PLC0415

    for name, style in VOICES.items():
        if name.casefold().startswith(incomplete.casefold()):
            yield incomplete + name[len(incomplete) :], style


def complete_model(incomplete: str) -> Iterator[str]:
    """Complete a model's id."""
    from flashlive_cli.protocol.families import KNOWN_MODELS  # noqa: PLC0415

    return (name for name in KNOWN_MODELS if name.startswith(incomplete))


def voice_option(words: str) -> OptionInfo:
    """Make `--voice` of its help."""
    option: OptionInfo = typer.Option("--voice", "-v", metavar="NAME", help=words, autocompletion=complete_voice)
    return option


def model_option(words: str) -> OptionInfo:
    """Make `--model` of its help."""
    option: OptionInfo = typer.Option("--model", "-m", metavar="ID", help=words, autocompletion=complete_model)
    return option


ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings file to read instead of the usual ones.")
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Use the table [profile.NAME] of the settings.")
]
UrlOption = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Another server than Google's; ws:// to this machine only.")
]
InputDeviceOption = Annotated[
    str | None, typer.Option("--input-device", metavar="NAME", help="Microphone, by number or part of its name.")
]
OutputDeviceOption = Annotated[
    str | None, typer.Option("--output-device", metavar="NAME", help="Speaker, by number or part of its name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]
