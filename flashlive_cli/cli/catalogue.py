"""`flashlive voices` and `flashlive models`: what there is to choose from."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from flashlive_cli.cli.options import JsonOption

if TYPE_CHECKING:
    from flashlive_cli.protocol.families import Model
    from flashlive_cli.protocol.prices import Price


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
    """List the models that hold conversations, what each allows and costs."""
    from flashlive_cli.protocol.families import CURRENT_MODEL, DEFAULT_MODEL, KNOWN_MODELS, find_model  # noqa: PLC0415
    from flashlive_cli.protocol.prices import PRICES_AS_OF, PRICES_SOURCE, find_price  # noqa: PLC0415

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
        typer.echo(f"    {_priced(find_price(model.id))}")
    typer.echo(f"List prices in US dollars per million tokens, as of {PRICES_AS_OF}: {PRICES_SOURCE}")


def _behaviors(model: "Model") -> list[str]:
    return sorted(behavior.lower() for behavior in model.family.behaviors) or ["blocking"]


def _priced(price: "Price | None") -> str:
    if price is None:
        return "price: not known"
    heard = f"sound {price.audio_in:.2f}, text {price.text_in:.2f}, images {price.image_in:.2f}"
    return f"price in: {heard}; out: sound {price.audio_out:.2f}, text {price.text_out:.2f}"


def _row(model: "Model") -> dict[str, object]:
    from flashlive_cli.protocol.prices import PRICES_AS_OF, find_price  # noqa: PLC0415

    family = model.family
    price = find_price(model.id)
    return {
        "id": model.id,
        "family": family.name,
        "thinking_levels": [level.lower() for level in family.levels],
        "thinking_level_required": family.thinking.value == "required",
        "thinking_budget": family.takes_budget,
        "functions": _behaviors(model),
        "scheduling": family.schedules,
        "usd_per_million_tokens": None if price is None else {**asdict(price), "as_of": PRICES_AS_OF},
    }
