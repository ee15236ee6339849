"""`flashlive voices` and `flashlive models`: what there is to choose from."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flashlive_cli.protocol.families import Model

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(voices)
    app.command()(models)


def voices(as_json: JsonOption = False) -> None:
    """List the prebuilt voices; every model speaks with each of them."""
    from flashlive_cli.protocol.voices import VOICES  # noqa: PLC0415 - --help needs none of it

    if as_json:
        typer.echo(json.dumps([{"name": name, "style": style} for name, style in VOICES.items()], indent=2))
        return
    for name, style in VOICES.items():
        typer.echo(f"{name:16}{style}")


def models(as_json: JsonOption = False) -> None:
    """List the models that hold conversations, and what each allows."""
    from flashlive_cli.protocol.families import CURRENT_MODEL, DEFAULT_MODEL, KNOWN_MODELS, find_model  # noqa: PLC0415

    known = [find_model(name) for name in KNOWN_MODELS]
    if as_json:
        typer.echo(json.dumps([_row(model) for model in known], indent=2))
        return
    for model in known:
        family = model.family
        marks = {DEFAULT_MODEL: "  (default)", CURRENT_MODEL: "  (the service's current one)"}.get(model.id, "")
        levels = ", ".join(family.levels).lower() or ("a budget" if family.takes_budget else "no choice")
        required = ", required" if family.thinking.value == "required" else ""
        typer.echo(f"{model.id}{marks}\n    thinking: {levels}{required}; functions: {' or '.join(_behaviors(model))}")


def _behaviors(model: "Model") -> list[str]:
    return sorted(behavior.lower() for behavior in model.family.behaviors) or ["blocking"]


def _row(model: "Model") -> dict[str, object]:
    family = model.family
    return {
        "id": model.id,
        "family": family.name,
        "thinking_levels": [level.lower() for level in family.levels],
        "thinking_level_required": family.thinking.value == "required",
        "thinking_budget": family.takes_budget,
        "functions": _behaviors(model),
        "scheduling": family.schedules,
    }
