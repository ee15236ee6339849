"""`flashlive sim`: the simulator as a server of its own, or as the far end of a program."""

from pathlib import Path
from typing import Annotated

import typer

from flashlive_cli.errors import ConfigError

DEFAULT_PORT = 8765


def register(app: typer.Typer) -> None:
    """Add the command."""
    # what follows the program's name is the program's
    app.command(context_settings={"allow_interspersed_args": False})(sim)


def _list_faults(wanted: bool) -> None:
    if not wanted:
        return
    from flashlive_cli.sim.faulttable import FAULTS  # noqa: PLC0415 - only where it is asked for

    for fault in FAULTS.values():
        typer.echo(f"{fault.name}  ({fault.when})")
        typer.echo(f"    {fault.words}")
        for name, parameter in fault.parameters.items():
            typer.echo(f"    :{name}={parameter.default:g}  {parameter.words}")
        typer.echo(f"    source: {fault.source}")
    raise typer.Exit


def sim(  # noqa: PLR0917 - typer calls by name
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- PROGRAM ARGS…]", help="Run this with the simulator for its Gemini."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help=f"Port on 127.0.0.1; 0 takes a free one. {DEFAULT_PORT} by default, with a program 0.",
            min=0,
            max=65535,
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="What to hear and answer, turn by turn.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="PATH", help="Perform this recording instead: file or folder.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", metavar="NAME", help="Let this go wrong: NAME, NAME@SECONDS or NAME@turnN; repeatable."
        ),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", callback=_list_faults, is_eager=True, help="Show what can go wrong.")
    ] = False,
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="Listen with a throw-away certificate; on by default with a program."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="PATH", help="Keep all traffic: FILE.jsonl, or a folder of one per session."),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Show the messages of both directions.")] = False,
    fail_on_unexpected: Annotated[
        bool,
        typer.Option("--fail-on-unexpected", help="Exit with 1 if a client did otherwise than scenario or recording."),
    ] = False,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Refuse any other key; any is fine by default.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Run so many times faster than real time.", min=0.1, max=100)] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it listens in one line of JSON: url, ca_file, env.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say what is wrong and nothing else.")] = False,
) -> None:
    """
    Run the Live API simulator: for one program, or until Ctrl-C.

    A program after -- finds the simulator where it looks for Gemini: Google's SDKs need not be told. Its exit code is
    ours. Without one, any client may talk to it: point it at the address that is printed, as flashlive talk does with
    --url.
    """
    del list_faults
    import asyncio  # noqa: PLC0415 - --help needs none of it

    from flashlive_cli.cli.simulation import Simulation, hold_simulation  # noqa: PLC0415
    from flashlive_cli.scenario.reading import read_script_file  # noqa: PLC0415
    from flashlive_cli.sim.faults import parse_faults  # noqa: PLC0415
    from flashlive_cli.sim.tape import read_tape  # noqa: PLC0415

    if scenario and replay:
        raise ConfigError("--scenario and --replay do not go together: a recording is a scenario already")
    if record and replay and record.absolute() == replay.absolute():
        raise ConfigError("--record and --replay name the same: the recording would be lost")
    if fault and replay:
        raise ConfigError("--fault and --replay do not go together: a recording goes wrong as it did")
    if as_json and command:
        raise ConfigError("--json is for a server without a program: stdout is the program's")
    faults = [parsed for text in fault or () for parsed in parse_faults(text)]
    simulation = Simulation(
        command=tuple(command or ()),
        port=(0 if command else DEFAULT_PORT) if port is None else port,
        script=read_script_file(scenario).script() if scenario else None,
        tape=read_tape(replay) if replay else None,
        faults=tuple(faults),
        tls=bool(command) if tls is None else tls,
        record=record,
        log=log,
        strict=fail_on_unexpected,
        key=key,
        speed=speed,
        as_json=as_json,
        quiet=quiet,
    )
    code = asyncio.run(hold_simulation(simulation))
    if code:
        raise typer.Exit(code)
