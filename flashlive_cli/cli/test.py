"""`flashlive test`: the options of a run of scenarios."""

from pathlib import Path
from typing import Annotated

import typer

from flashlive_cli.cli.options import ConfigOption, ProfileOption, UrlOption, model_option, voice_option


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(run_tests)


def run_tests(  # noqa: PLR0917 - options are given by name
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Scenario files, or folders of them.")],
    sim: Annotated[bool, typer.Option("--sim", help="Against the built-in simulator; needs no key.")] = False,
    url: UrlOption = None,
    jobs: Annotated[
        int | None,
        typer.Option("-j", "--jobs", min=1, max=256, help="Run so many at once; with --sim one for each processor."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="N", min=0.1, max=100, help="Run N times faster than real time; with --sim."),
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", metavar="N", min=1, max=1000, help="Run each N times.")] = 1,
    pass_at: Annotated[
        int | None,
        typer.Option("--pass-at", metavar="K", min=1, help="Of the repetitions K have to pass; all by default."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option("-k", metavar="WORDS", help="Only those whose name or tags have these words; 'not WORD'."),
    ] = None,
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only the I-th of N shares, for several machines.")
    ] = "1/1",
    fail_fast: Annotated[bool, typer.Option("--fail-fast", "-x", help="Stop at the first that fails.")] = False,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", metavar="USD", min=0, help="Begin no more once so much was spent.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the noise that is made up.")] = 0,
    model: Annotated[str | None, model_option("For scenarios that name none.")] = None,
    voice: Annotated[str | None, voice_option("For scenarios that name none.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the scenarios and open all they name, run none.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, for CI systems.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page with all timelines, to look at.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="DIR", help="Keep sound, events, wire and timeline of each run there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON instead of a table.")] = False,
    update_from: Annotated[
        Path | None,
        typer.Option("--update-from", metavar="RECORDING", help="Run none; let the simulator play what was recorded."),
    ] = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
) -> None:
    """
    Hold scripted conversations and judge them.

    Each scenario is held like a talk, over a real WebSocket, with the service or with --sim: what the user says comes
    from WAV files or text, and what must come of it is in the file. Exit code 0: all passed; 1: one failed; 2: one is
    written wrongly; 3: the service could not be reached or refused.
    """
    from flashlive_cli.cli.suite import Asked, hold_suite  # noqa: PLC0415 - --help needs none of it

    code = hold_suite(
        Asked(
            paths=paths,
            sim=sim,
            url=url,
            jobs=jobs,
            speed=speed,
            repeat=repeat,
            pass_at=repeat if pass_at is None else pass_at,
            words=words,
            shard=shard,
            fail_fast=fail_fast,
            max_cost=max_cost,
            seed=seed,
            model=model,
            voice=voice,
            dry_run=dry_run,
            junit=junit,
            html=html,
            evidence=evidence,
            as_json=as_json,
            update_from=update_from,
            config=config,
            profile=profile,
        )
    )
    if code:
        raise typer.Exit(code)
