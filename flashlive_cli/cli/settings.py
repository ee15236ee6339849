"""`flashlive config`: where settings come from and what they are; and the settings of the other commands."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flashlive_cli.cli.options import ConfigOption, JsonOption, ProfileOption
from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    from flashlive_cli.config import Resolved

config_app = typer.Typer(
    help="Show where settings come from and what they are.", rich_markup_mode=None, invoke_without_command=True
)


@config_app.callback()
def config_help(context: typer.Context) -> None:
    """Show where settings come from and what they are."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(config_app, name="config")


def read_settings(flags: Mapping[str, object], config: Path | None, profile: str | None) -> "Resolved":
    """
    Work out the settings of a command: flags over environment over files over defaults.

    Raises:
        ConfigError: any of them is wrong.
    """
    from flashlive_cli.config import resolve, user_config_file  # noqa: PLC0415 - --help needs no settings

    return resolve(
        {name: value for name, value in flags.items() if value is not None},
        env=os.environ,
        cwd=Path.cwd(),
        user_file=user_config_file(),
        config_file=config,
        profile=profile,
    )


def wants_trace() -> bool:
    """Whether the user asked for tracebacks."""
    return logging.getLogger().isEnabledFor(logging.DEBUG)


@config_app.command("path")
def show_paths(as_json: JsonOption = False) -> None:
    """Show the settings files, the stronger first, and which of them exist."""
    from flashlive_cli.config import PROJECT_FILE, user_config_file  # noqa: PLC0415

    files = {"project": Path.cwd() / PROJECT_FILE, "user": user_config_file()}
    if as_json:
        rows = {name: {"path": str(path), "exists": path.is_file()} for name, path in files.items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    for name, path in files.items():
        typer.echo(printable(f"{name:8} {path}{'' if path.is_file() else '  (not there)'}"))


@config_app.command("show")
def show_settings(config: ConfigOption = None, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Show every setting, its value and where that came from. The key is never shown."""
    resolved = read_settings({}, config, profile)
    values = {name: getattr(resolved.config, name) for name in resolved.sources}
    if as_json:
        rows = {name: {"value": value, "source": resolved.sources[name]} for name, value in values.items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    for name, value in values.items():
        typer.echo(printable(f"{name} = {json.dumps(value)}  # {resolved.sources[name]}"))


@config_app.command("init")
def write_settings(
    path: Annotated[Path | None, typer.Argument(help="Where; the user's settings file by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a settings file that names every key, commented out, with its default."""
    from flashlive_cli.config import example_toml, user_config_file  # noqa: PLC0415

    target = path or user_config_file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(example_toml())
    except FileExistsError as exc:
        raise ConfigError(f"{target} exists already; --force overwrites it") from exc
    except OSError as exc:
        raise FileError(f"{target} cannot be written: {reason_of(exc)}") from exc
    typer.echo(printable(f"wrote {target}"))
