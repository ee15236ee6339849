"""The settings file that is there to be filled in."""

import json
import textwrap

from flashlive_cli.config.settings import SETTINGS


def example_toml() -> str:
    """
    Render every key with its description and default, as comments.

    A line that starts with `# ` is prose, one that starts with `#` alone is a setting to uncomment.
    """
    lines = [
        "# Settings of flashlive: flashlive.toml in a project's folder, or config.toml in your configuration folder",
        "# (`flashlive config path` tells which). Flags and FLASHLIVE_* variables go before both.",
        "# The API key is no setting: put it into the environment variable GEMINI_API_KEY.",
    ]
    tables: list[str] = []  # at the end: what follows the head of a table belongs to it
    for key, setting in SETTINGS.items():
        if isinstance(setting.example, dict):
            tables += ["", *_prose(setting.description), *_table(key, setting.example)]
            continue
        default = "Not set by default." if setting.default is None else f"Default: {_toml_value(setting.default)}."
        lines += ["", *_prose(f"{setting.description} {default}"), f"#{key} = {_toml_value(setting.example)}"]
    lines += tables
    lines += ["", "# Settings for `--profile NAME` go into a table of their own, at the end of the file."]
    lines += ["#[profile.quick]", '#thinking = "minimal"', "#silence_ms = 300"]
    return "\n".join(lines) + "\n"


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, 108, initial_indent="# ", subsequent_indent="# ")


def _table(key: str, tables: dict[str, dict[str, object]]) -> list[str]:
    lines: list[str] = []
    for name, values in tables.items():
        lines.append(f"#[{key}.{_toml_value(name)}]")
        lines += [f"#{inner} = {_toml_value(value)}" for inner, value in values.items()]
    return lines


def _toml_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # text, numbers, booleans and lists are spelled alike
