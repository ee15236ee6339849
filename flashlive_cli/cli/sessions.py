"""`flashlive sessions`: conversations that were recorded."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from flashlive_cli.cli.options import ConfigOption, JsonOption, ProfileOption
from flashlive_cli.cli.settings import read_settings
from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable
from flashlive_cli.private import save_private

if TYPE_CHECKING:
    from flashlive_cli.recording.folder import Session

Form = Literal["md", "json", "srt", "vtt"]

NO_RECORDINGS: Final = "flashlive talk --record DIR makes one, or --dir says where they are"

_HEAD: Final = ("id", "began", "length", "turns", "tools", "cost", "model", "ending")
_MEMORY: Final = "recordings.json"
_MOST_REMEMBERED: Final = 20
_MOST_NAMED: Final = 5
"""Of the conversations that an ambiguous beginning fits."""

DirOption = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Folder of the recordings; by default where they were made."),
]
SessionArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Name, unique beginning of one, 'last', or a path.", show_default=False)
]

sessions_app = typer.Typer(
    help="Show and export recorded conversations.", rich_markup_mode=None, invoke_without_command=True
)


@sessions_app.callback()
def sessions_help(context: typer.Context) -> None:
    """Show and export recorded conversations."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(sessions_app, name="sessions")


@sessions_app.command("list")
def list_sessions(
    directory: DirOption = None, as_json: JsonOption = False, config: ConfigOption = None, profile: ProfileOption = None
) -> None:
    """List the conversations, the latest first."""
    from flashlive_cli.recording.exports import summary_object  # noqa: PLC0415 - --help needs none of it

    directories = _directories(directory, config, profile)
    found = [(folder, session) for folder in _folders(directories) if (session := _readable(folder)) is not None]
    found.sort(key=lambda item: (item[1].when, item[1].id), reverse=True)
    if as_json:
        rows = [summary_object(session) | {"folder": str(folder)} for folder, session in found]
        typer.echo(json.dumps({"schema": 1, "sessions": rows}, indent=2))
        return
    if not found:
        raise FileError(f"{_named(directories)}: there is no recording here; {NO_RECORDINGS}")
    from flashlive_cli.cli.table import table  # noqa: PLC0415 - as above

    for line in table(_HEAD, (_row(session) for _, session in found)):
        typer.echo(line)


@sessions_app.command("show")
def show_session(
    name: SessionArgument,
    directory: DirOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
) -> None:
    """Show what was said and done in a conversation."""
    from flashlive_cli.recording.exports import as_json as json_of  # noqa: PLC0415 - --help needs none of it
    from flashlive_cli.recording.exports import as_text  # noqa: PLC0415

    session = _find(name, directory, config, profile)
    typer.echo((json_of if as_json else as_text)(session), nl=False)


@sessions_app.command("export")
def export_session(  # noqa: PLR0917 - options are given by name
    name: SessionArgument,
    form: Annotated[
        Form | None, typer.Option("--format", help="By default what the suffix of --output says, else md.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; stdout by default.")
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option("--scenario", metavar="DIR", help="Make a scenario of it here, with the user's sound as clips."),
    ] = None,
    directory: DirOption = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
) -> None:
    """Export a conversation as Markdown, JSON, captions (SRT, WebVTT), or as a scenario for flashlive test."""
    from flashlive_cli.recording.exports import FORMS  # noqa: PLC0415 - --help needs none of it

    if scenario is not None:
        if form is not None or output is not None:
            raise ConfigError("--scenario goes with neither --format nor --output: it is a folder of its own")
        _make_scenario(_find_folder(name, directory, config, profile), scenario)
        return
    made = FORMS[form or _form_of(output)](_find(name, directory, config, profile))
    if output is None or str(output) == "-":
        typer.echo(made, nl=False)
        return
    save_private(output, made)


def _make_scenario(folder: Path, directory: Path) -> None:
    from flashlive_cli.scenario.exporting import export_scenario  # noqa: PLC0415 - --help needs none of it

    made = export_scenario(folder, directory)
    turns = "1 turn" if made.n_turns == 1 else f"{made.n_turns} turns"
    typer.echo(printable(f"wrote {made.path} ({turns})"))
    for note in made.notes:
        typer.echo(printable(f"note: {note}"), err=True)


def remember_recordings(directory: Path) -> None:
    """Keep in mind where a talk was recorded."""
    from flashlive_cli.cli.statefile import write_state  # noqa: PLC0415 - --help needs none of it

    kept = str(directory.absolute())
    others = [other for other in _remembered() if other != kept]
    write_state(_MEMORY, [kept, *others][:_MOST_REMEMBERED])


def _remembered() -> list[str]:
    from flashlive_cli.cli.statefile import read_state  # noqa: PLC0415 - --help needs none of it

    directories = read_state(_MEMORY)
    return [each for each in directories if isinstance(each, str)] if isinstance(directories, list) else []


def _directories(directory: Path | None, config: Path | None, profile: str | None) -> list[Path]:
    """
    Tell where recordings are: as asked, as set, or where they were made before.

    Raises:
        FileError: the directory asked for is none.
        ConfigError: nobody knows any.
    """
    if directory is not None:
        if not directory.is_dir():
            raise FileError(f"{directory}: there is no such directory")
        return [directory]
    if record := read_settings({}, config, profile).config.record:
        return [expanded(record)]
    if remembered := [Path(each) for each in _remembered()]:
        return remembered
    raise ConfigError(f"no conversation was recorded yet: {NO_RECORDINGS}")


def _folders(directories: Sequence[Path]) -> Iterator[Path]:
    from flashlive_cli.recording.folder import find_sessions  # noqa: PLC0415 - --help needs none of it

    for directory in directories:
        yield from find_sessions(directory)


def _find(name: str, directory: Path | None, config: Path | None, profile: str | None) -> "Session":
    """Read the conversation that a user means; raises as `_find_folder` does."""
    from flashlive_cli.recording.folder import read_session  # noqa: PLC0415 - --help needs none of it

    return read_session(_find_folder(name, directory, config, profile))


def _find_folder(name: str, directory: Path | None, config: Path | None, profile: str | None) -> Path:
    """
    Find the conversation that a user means.

    Raises:
        FileError: there is none like that, or more than one.
        ConfigError: nobody knows where to look.
    """
    from flashlive_cli.recording.folder import is_session  # noqa: PLC0415 - --help needs none of it

    looks_like_path = any(separator in name for separator in (os.sep, os.altsep) if separator) or name in {".", ".."}
    if looks_like_path:
        if not is_session(Path(name)):
            raise FileError(f"{name}: there is no recording here")
        return Path(name)
    directories = _directories(directory, config, profile)
    folders = list(_folders(directories))
    if name == "last":
        sessions = [(session, folder) for folder in folders if (session := _readable(folder)) is not None]
        if not sessions:
            raise FileError(f"{_named(directories)}: there is no recording here; {NO_RECORDINGS}")
        return max(sessions, key=lambda found: (found[0].when, found[0].id))[1]
    fitting = [folder for folder in folders if folder.name == name] or [
        folder for folder in folders if name and folder.name.startswith(name)
    ]
    if len(fitting) > 1:
        named = ", ".join(str(folder) for folder in fitting[:_MOST_NAMED])
        more = f" and {len(fitting) - _MOST_NAMED} more" if len(fitting) > _MOST_NAMED else ""
        raise FileError(f"{name} fits {len(fitting)} recordings: {named}{more}")
    if fitting:
        return fitting[0]
    if is_session(Path(name)):
        return Path(name)
    raise FileError(f"{name}: there is no such recording in {_named(directories)}; flashlive sessions list shows them")


def _readable(folder: Path) -> "Session | None":
    """Read a conversation; None for one that cannot be, which is not asked for by name."""
    from flashlive_cli.recording.folder import read_session  # noqa: PLC0415 - --help needs none of it

    with contextlib.suppress(FileError):
        return read_session(folder)
    return None


def _named(directories: Sequence[Path]) -> str:
    return ", ".join(map(str, directories))


def _form_of(output: Path | None) -> Form:
    if output is None or str(output) == "-":
        return "md"
    forms: dict[str, Form] = {".md": "md", ".markdown": "md", ".json": "json", ".srt": "srt", ".vtt": "vtt"}
    form = forms.get(output.suffix.lower())
    if form is None:
        raise ConfigError(f"{output}: the suffix says nothing of the format; give --format md, json, srt or vtt")
    return form


def _row(session: "Session") -> tuple[str, ...]:
    from flashlive_cli.recording.wording import clock_time  # noqa: PLC0415 - --help needs none of it

    story = session.story
    cost = "" if story.cost_usd is None else f"${story.cost_usd:.4f}"
    model = f"{story.model or ''}{' (simulated)' if story.simulated else ''}"
    ending = {"closed": "", "failed": "failed", "cut": "breaks off"}[story.ending]
    began = f"{session.when:%Y-%m-%d %H:%M}"
    figures = (clock_time(story.duration_s), str(story.n_turns), str(story.tool_calls), cost)
    return (session.id, began, *figures, model, ending)
