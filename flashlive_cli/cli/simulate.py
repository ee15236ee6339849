"""`flashlive sim`: the simulator as a server of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flashlive_cli.errors import OutputFailed
from flashlive_cli.printable import printable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sim)


def sim(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8765,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="What to hear and answer, turn by turn.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Refuse any other key; any is fine by default.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Run so many times faster than real time.", min=0.1, max=100)] = 1.0,
) -> None:
    """
    Run the Live API simulator until Ctrl-C.

    Any client may talk to it: point it at the address that is printed, as flashlive talk does with --url.
    """
    import asyncio  # noqa: PLC0415 - --help needs none of it

    asyncio.run(_serve(port, scenario, key, speed))


async def _serve(port: int, scenario: Path | None, key: str | None, speed: float) -> None:
    import asyncio  # noqa: PLC0415

    from flashlive_cli.clock import Clock  # noqa: PLC0415
    from flashlive_cli.sim.script import load_script  # noqa: PLC0415
    from flashlive_cli.sim.server import serve  # noqa: PLC0415
    from flashlive_cli.ui.outlet import Outlet  # noqa: PLC0415

    script = load_script(scenario) if scenario else None
    loop = asyncio.get_running_loop()
    reader_left = asyncio.Event()

    def failed(_failure: OutputFailed) -> None:
        loop.call_soon_threadsafe(reader_left.set)

    # a thread writes: a pipe that nobody reads must not hold up the clients
    with Outlet(sys.stdout, name="stdout", failed=failed) as notes:
        async with serve(
            clock=Clock(speed), script=script, port=port, api_key=key, on_note=lambda note: notes.say(printable(note))
        ) as server:
            notes.say(f"listening on {server.url} (Ctrl-C ends it)")
            await reader_left.wait()
        if notes.failure is not None:
            raise notes.failure
