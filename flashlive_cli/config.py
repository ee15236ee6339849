"""
Settings: where each value comes from, and what it may be.

From strongest to weakest: a flag, an environment variable (`FLASHLIVE_VOICE`), the chosen profile in the project's
file, the chosen profile in the user's file, the project's file, the user's file, the default. A profile was asked
for by name, hence its place above what files say to everybody.

The API key is no setting: files are shared and committed. It comes from the environment alone.
"""

import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashlive_cli.errors import ConfigError
from flashlive_cli.printable import printable

PROJECT_FILE: Final = "flashlive.toml"
ENV_PREFIX: Final = "FLASHLIVE_"
KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

_KEY_HINT: Final = "put it into the environment variable GEMINI_API_KEY"
_LONGEST_SHOWN: Final = 60

Sensitivity = Literal["high", "low"]
Milliseconds = Annotated[int, Field(ge=0, le=10_000)]


class Config(BaseModel):
    """Every setting. None leaves the choice to the service, or switches the thing off."""

    # built at first use: 25 ms that importing this module need not pay
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    model: str = Field(default="gemini-3.1-flash-live-preview", description="Model, as a bare id or models/ID.")
    voice: str | None = Field(default=None, description="Prebuilt voice.", examples=["Puck"])
    system: str | None = Field(
        default=None,
        description="System instruction, or @FILE to read it from a file beside this one.",
        examples=["You are brief and friendly."],
    )
    tools: list[str] = Field(
        default=[], description="Python files whose functions the model may call.", examples=[["tools.py"]]
    )
    mcp: str | None = Field(
        default=None,
        description="MCP servers whose tools the model may call: a JSON file with mcpServers.",
        examples=["servers.json"],
    )
    allow: list[str] = Field(
        default=[], description="Tools that ask first and may be run without asking.", examples=[["refund_order"]]
    )
    deny: list[str] = Field(
        default=[], description="Tools that are hidden from the model.", examples=[["delete_account"]]
    )
    output: str | None = Field(
        default=None,
        description="Where the reply is heard: speaker, none, FILE.wav, - (WAV on stdout) or cmd:PROGRAM.",
        examples=["answer.wav"],
    )
    input_device: str | None = Field(
        default=None, description="Microphone, by number or part of its name.", examples=["USB"]
    )
    output_device: str | None = Field(
        default=None, description="Speaker, by number or part of its name.", examples=["Headphones"]
    )
    echo: Literal["auto", "cancel", "half", "off"] = Field(
        default="auto",
        description="The speaker's echo in the microphone: cancel it, half (mute the microphone while the reply "
        "sounds), off (for headphones), or auto: cancel where that is installed, else half.",
    )
    format: Literal["plain", "json"] | None = Field(
        default=None,
        description="What is printed in place of the panel: plain lines, or NDJSON (json).",
        examples=["plain"],
    )
    thinking: Literal["minimal", "low", "medium", "high"] | None = Field(
        default=None, description="Thinking level, for models that have one.", examples=["low"]
    )
    thinking_budget: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Thinking tokens, for the 2.5 models; 0 is off.", examples=[1024]
    )
    search: bool = Field(default=False, description="Let the model search Google.")
    language: str | None = Field(
        default=None, description="Language of the replies, as a code such as en.", examples=["en"]
    )
    no_interrupt: bool = Field(default=False, description="Let replies finish although you speak.")
    silence_ms: Milliseconds | None = Field(
        default=None, description="Silence that ends your turn, in milliseconds.", examples=[600]
    )
    prefix_ms: Milliseconds | None = Field(
        default=None, description="Speech that begins your turn, in milliseconds.", examples=[20]
    )
    start_sensitivity: Sensitivity | None = Field(
        default=None, description="How readily the service hears that you begin.", examples=["high"]
    )
    end_sensitivity: Sensitivity | None = Field(
        default=None, description="How readily the service hears that you are done.", examples=["high"]
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=None, description="How freely the model chooses its words, 0 to 2.", examples=[0.8]
    )
    url: str | None = Field(
        default=None, description="Endpoint in place of the service.", examples=["ws://127.0.0.1:8765"]
    )
    speed: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="How many times faster than real time; with the simulator and file input.",
    )
    max_duration: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds after which the talk ends politely.", examples=[600.0]
    )
    setup_timeout_s: float = Field(default=10.0, gt=0, description="Seconds the service has to take the setup.")
    answer_timeout_s: float = Field(default=30.0, gt=0, description="Seconds the service has to begin an answer.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="What is logged: this and worse."
    )
    log_file: str | None = Field(default=None, description="Log to this file, not stderr.", examples=["flashlive.log"])


@dataclass(frozen=True, slots=True)
class Resolved:
    """
    Settings in force.

    Attributes:
        config: the values.
        sources: for every key where its value is from: `flag --voice`, `environment FLASHLIVE_VOICE`,
            `/path/flashlive.toml`, `/path/flashlive.toml [profile.quick]` or `default`.
    """

    config: Config
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Layer:
    """What one place says, checked, and what that place is called for each key."""

    values: dict[str, object]
    sources: dict[str, str]


def resolve(
    flags: Mapping[str, object],
    *,
    env: Mapping[str, str],
    cwd: Path,
    user_file: Path,
    config_file: Path | None = None,
    profile: str | None = None,
) -> Resolved:
    """
    Put the settings together.

    Args:
        flags: by key (`silence_ms` for `--silence-ms`); None, and an empty list, mean not given.
        env: `FLASHLIVE_PROFILE` stands for `profile` and `FLASHLIVE_CONFIG` for `config_file`. A variable set to
            nothing counts as unset. A `FLASHLIVE_` variable that is no setting is an error when it looks like a
            slip of one, and otherwise left alone: it may belong to something else.
        cwd: the folder of the project's file.
        user_file: see `user_config_file`; like the project's file it need not exist.
        config_file: takes the place of both files, and must exist.
        profile: a `[profile.NAME]` table, in any of the files read.

    A relative path under `tools`, or after the `@` of `system`, is relative to the file that says it.

    Raises:
        ConfigError: one line that names the place, the key and what would be right.
    """
    config_file = config_file or (cwd / named if (named := env.get(f"{ENV_PREFIX}CONFIG")) else None)
    profile = profile or env.get(f"{ENV_PREFIX}PROFILE") or None
    usual = (cwd / PROJECT_FILE, user_file)
    files = [_read(config_file, must_exist=True)] if config_file else [_read(path) for path in usual]
    layers = [_from_flags(flags), _from_env(env)]
    if profile is not None:
        layers += _chosen(profile, files)
    layers += [file.common for file in files]

    values: dict[str, object] = {}
    sources = dict.fromkeys(Config.model_fields, "default")
    for layer in reversed(layers):
        values |= layer.values
        sources |= layer.sources
    return Resolved(Config.model_validate(values), sources)


def find_key(env: Mapping[str, str]) -> str | None:
    """Return the API key, or ephemeral token, that the environment holds; never log it."""
    found = (env.get(name, "").strip() for name in KEY_VARIABLES)
    return next(filter(None, found), None)


def user_config_file() -> Path:
    """Tell where the user's own settings are: `config.toml` in the platform's folder for them."""
    import platformdirs  # noqa: PLC0415 - about 15 ms that whoever names a file need not pay

    return platformdirs.user_config_path("flashlive", appauthor=False) / "config.toml"


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
    for key, field in Config.model_fields.items():
        default = f"Default: {_toml_value(field.default)}." if field.default is not None else "Not set by default."
        told = f"{field.description} {default}"
        example = field.examples[0] if field.examples else field.default
        lines += ["", *textwrap.wrap(told, 108, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"#{key} = {_toml_value(example)}")
    lines += ["", "# Settings for `--profile NAME` go into a table of their own, at the end of the file."]
    lines += ["#[profile.quick]", '#thinking = "minimal"', "#silence_ms = 300"]
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # text, numbers, booleans and lists are spelled alike


# Files


@dataclass(frozen=True, slots=True)
class _File:
    """A file of settings, checked in all its parts: what it says to everybody, and its profiles."""

    common: _Layer
    profiles: dict[str, _Layer]


def _read(path: Path, *, must_exist: bool = False) -> _File:
    tables = _toml(path, must_exist=must_exist)
    profiles = tables.pop("profile", {})
    if not isinstance(profiles, dict):
        raise _wrong(path, f"profile: expected tables such as [profile.quick], got {_shown(profiles)}")
    checked: dict[str, _Layer] = {}
    for name, table in profiles.items():
        if not isinstance(table, dict):
            raise _wrong(path, f"profile.{name}: expected a table [profile.{name}], got {_shown(table)}")
        checked[name] = _from_table(path, table, f"profile.{name}")
    return _File(_from_table(path, tables), checked)


def _toml(path: Path, *, must_exist: bool) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - about 15 ms that a run without files need not pay

    try:
        # what Notepad saves begins with a byte order mark, which is no TOML
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as exc:
        if must_exist:
            raise _wrong(path, "no such file") from exc
        return {}
    except IsADirectoryError as exc:
        raise _wrong(path, "is a folder, and a TOML file is wanted") from exc
    except OSError as exc:
        raise _wrong(path, exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise _wrong(path, f"is not UTF-8 (byte {exc.start})") from exc
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        what, place = _placed(str(exc), text)
        raise ConfigError(printable(f"{path}:{place}: {what}")) from exc
    except (ValueError, RecursionError) as exc:  # a number of 5000 digits; brackets a thousand deep
        raise _wrong(path, f"is beyond reading: {exc}") from exc


def _placed(message: str, text: str) -> tuple[str, str]:
    """Split what tomllib says into its complaint and `line:column`."""
    if place := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return place[1], f"{place[2]}:{place[3]}"
    lines = text.split("\n")
    return message.removesuffix(" (at end of document)"), f"{len(lines)}:{len(lines[-1]) + 1}"


def _from_table(path: Path, table: dict[str, Any], inside: str = "") -> _Layer:
    prefix = f"{inside}." if inside else ""
    for key in table:
        if _looks_secret(key):
            raise _wrong(path, f"{prefix}{key}: a key has no place in a file that gets shared: {_KEY_HINT}")
    try:
        values = _given(Config.model_validate(table, strict=True), table)
    except ValidationError as exc:
        key, what = _complaint(exc)
        raise _wrong(path, f"{prefix}{key}: {what}") from exc
    if "tools" in values:
        values["tools"] = [_beside(path, entry) for entry in table["tools"]]
    if "mcp" in values:
        values["mcp"] = _beside(path, str(values["mcp"]))
    if str(values.get("system", "")).startswith("@"):
        values["system"] = "@" + _beside(path, str(values["system"])[1:])
    source = f"{path} [{inside}]" if inside else str(path)
    return _Layer(values, dict.fromkeys(values, source))


def _beside(path: Path, entry: str) -> str:
    if entry.startswith("~/"):
        return os.path.expanduser("~") + entry[1:]  # noqa: PTH111 - Path's raises without a home
    return str(path.parent / entry) if entry else entry


def _chosen(profile: str, files: list[_File]) -> Iterator[_Layer]:
    if not any(profile in file.profiles for file in files):
        known = sorted({name for file in files for name in file.profiles})
        nearest = _nearest(profile, known) or (f"; there is {', '.join(known)}" if known else "; no file has any")
        raise ConfigError(printable(f"there is no profile {profile}{nearest}"))
    for file in files:
        if profile in file.profiles:
            yield file.profiles[profile]


# Environment and flags


def _from_env(env: Mapping[str, str]) -> _Layer:
    raw: dict[str, object] = {}
    known = [*Config.model_fields, "profile", "config"]
    for variable, value in env.items():
        if not variable.startswith(ENV_PREFIX) or not value:
            continue
        key = variable.removeprefix(ENV_PREFIX).lower()
        if _looks_secret(key):
            raise ConfigError(printable(f"environment {variable}: is not read: {_KEY_HINT}"))
        if key in Config.model_fields:
            raw[key] = _split(key, value)
        elif key not in known and (near := _near(key, known, likeness=0.8)):
            meant = f"{ENV_PREFIX}{near.upper()}"
            raise ConfigError(printable(f"environment {variable}: no such setting; did you mean {meant}?"))
    return _lax(raw, lambda key: f"environment {ENV_PREFIX}{key.upper()}")


def _split(key: str, value: str) -> str | list[str]:
    """Read a variable that holds a list: paths as the system separates them, names by commas."""
    separator = {"tools": os.pathsep, "allow": ",", "deny": ","}.get(key)
    return value if separator is None else value.split(separator)


def _from_flags(flags: Mapping[str, object]) -> _Layer:
    raw = {key: list(value) if isinstance(value, tuple) else value for key, value in flags.items()}
    given = {key: value for key, value in raw.items() if value is not None and value != []}
    return _lax(given, lambda key: f"flag --{key.replace('_', '-')}")


def _lax(raw: dict[str, object], source_of: Callable[[str], str]) -> _Layer:
    """Check values that arrive as text, or from flags."""
    try:
        values = _given(Config.model_validate(raw), raw)
    except ValidationError as exc:
        key, what = _complaint(exc)
        raise ConfigError(printable(f"{source_of(key)}: {what}")) from exc
    return _Layer(values, {key: source_of(key) for key in values})


# Words


def _given(config: Config, raw: Mapping[str, object]) -> dict[str, object]:
    return {key: getattr(config, key) for key in raw}


def _complaint(exc: ValidationError) -> tuple[str, str]:
    """Return the key of pydantic's first error, and what is wrong with it."""
    error = exc.errors(include_url=False, include_context=False)[0]
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return key, f"no such setting{_nearest(key.replace('-', '_').lower(), list(Config.model_fields))}"
    expected = error["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    return key, f"expected {expected}, got {_shown(error['input'])}"


def _nearest(name: str, known: list[str]) -> str:
    near = _near(name, known)
    return f"; did you mean {near}?" if near else ""


def _near(name: str, known: list[str], *, likeness: float = 0.6) -> str | None:
    import difflib  # noqa: PLC0415 - 9 ms that only a slip has to pay

    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=likeness)), None)


def _looks_secret(key: str) -> bool:
    letters = "".join(filter(str.isalpha, key.lower()))
    return letters.endswith("apikey") or letters in {"key", "token"}


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        shown = repr(value) if isinstance(value, str | int | float) else str(value)
    except ValueError:  # Python refuses to spell a whole number of thousands of digits
        return "a huge number"
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(printable(f"{path}: {what}"))
