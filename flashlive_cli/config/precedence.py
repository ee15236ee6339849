"""Which place wins: every setting from the strongest that gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from flashlive_cli.config.files import choose_profile, read_file
from flashlive_cli.config.layers import ENV_PREFIX, from_env, from_flags
from flashlive_cli.config.settings import SETTINGS, Config

PROJECT_FILE: Final = "flashlive.toml"


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

    A relative path under `tools`, `mcp`, `record`, `transcript` or `video`, or after the `@` of `system`, is relative
    to the file that says it.

    Raises:
        ConfigError: one line that names the place, the key and what would be right.
    """
    config_file = config_file or (cwd / named if (named := env.get(f"{ENV_PREFIX}CONFIG")) else None)
    profile = profile or env.get(f"{ENV_PREFIX}PROFILE") or None
    usual = (cwd / PROJECT_FILE, user_file)
    files = [read_file(config_file, must_exist=True)] if config_file else [read_file(path) for path in usual]
    layers = [from_flags(flags), from_env(env)]
    if profile is not None:
        layers += choose_profile(profile, files)
    layers += [file.common for file in files]

    values: dict[str, object] = {}
    sources = dict.fromkeys(SETTINGS, "default")
    for layer in reversed(layers):
        values |= layer.values
        sources |= layer.sources
    return Resolved(msgspec.convert(values, Config), sources)


def user_config_file() -> Path:
    """Tell where the user's own settings are: `config.toml` in the platform's folder for them."""
    import platformdirs  # noqa: PLC0415 - about 15 ms that whoever names a file need not pay

    return platformdirs.user_config_path("flashlive", appauthor=False) / "config.toml"
