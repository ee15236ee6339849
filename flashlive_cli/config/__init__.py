"""
Settings: where each value comes from, and what it may be.

From strongest to weakest: a flag, an environment variable (`FLASHLIVE_VOICE`), the chosen profile in the project's
file, the chosen profile in the user's file, the project's file, the user's file, the default. A profile was asked
for by name, hence its place above what files say to everybody.

The API key is no setting: files are shared and committed. It comes from the environment alone.
"""

from flashlive_cli.config.example import example_toml
from flashlive_cli.config.layers import ENV_PREFIX
from flashlive_cli.config.precedence import (
    PROJECT_FILE,
    Resolved,
    resolve,
    user_config_file,
)
from flashlive_cli.config.settings import SETTINGS, Config

__all__ = [
    "ENV_PREFIX",
    "PROJECT_FILE",
    "SETTINGS",
    "Config",
    "Resolved",
    "example_toml",
    "resolve",
    "user_config_file",
]
