"""Where a command finds the service, with which key, and what does not go with the simulator in its place."""

import os
from typing import Final

from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError
from flashlive_cli.session.endpoint import Endpoint, find_endpoint, find_key

GET_A_KEY: Final = "get one at https://aistudio.google.com/apikey and set GEMINI_API_KEY"


def service_url(settings: Config) -> str | None:
    """Return the URL of the server in Google's place; None for Google's."""
    return settings.url or os.environ.get("GOOGLE_GEMINI_BASE_URL") or None


def find_service(settings: Config, *, instead: str) -> Endpoint:
    """
    Say where to dial; only a server on this machine is tried without a key.

    Args:
        settings: of the command.
        instead: what can be done without a key.

    Raises:
        ConfigError: there is no key, or no such server.
    """
    base, key = service_url(settings), find_key(os.environ)
    if key is None and not (base and find_endpoint(base, "none").is_loopback):
        raise ConfigError("there is no API key", f"{GET_A_KEY}, or {instead}")
    return find_endpoint(base, key or "none")


def secrets_with(endpoint: Endpoint | None) -> tuple[str, ...]:
    """Return what must not be kept of a talk with a server, None being the simulator in this process: the API key."""
    key = find_key(os.environ)
    return (key,) if key and endpoint is not None else ()


def check_far_end(*, sim: bool, url: str | None, speed: float) -> None:
    """
    Refuse what only the simulator, or only the service has.

    Raises:
        ConfigError: with the two that do not go together.
    """
    if url and sim:
        raise ConfigError("--sim and --url exclude each other")
    if speed != 1 and not sim:
        raise ConfigError("--speed goes with --sim: the service runs in real time")
