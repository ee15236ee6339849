"""Where to dial, and with which credentials. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from flashlive_cli.errors import ConfigError
from flashlive_cli.loopback import is_loopback

KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
"""Of the environment, the first that is set; an ephemeral token is as good."""

GOOGLE: Final = "wss://generativelanguage.googleapis.com"
_METHOD: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_TOKEN_PREFIX: Final = "auth_tokens/"  # noqa: S105 - the form of a token, not one
_SCHEMES: Final = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    An address and its credentials.

    Attributes:
        url: `wss://…`, or `ws://…` to loopback; never holds a key.
        headers: hold the key; kept out of `repr`.
        secret: the key itself, to be scrubbed from what others say; kept out of `repr`.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    secret: str = field(repr=False)

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on this machine, where neither a proxy nor TLS is wanted."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def scrub(self, text: str) -> str:
        """Take the key out of a stranger's words."""
        return text.replace(self.secret, "(the key)") if self.secret else text


def find_key(env: Mapping[str, str]) -> str | None:
    """Return the API key, or ephemeral token, that the environment holds; never log it."""
    found = (env.get(name, "").strip() for name in KEY_VARIABLES)
    return next(filter(None, found), None)


def find_endpoint(base: str | None, key: str) -> Endpoint:
    """
    Work out the address of the Live API.

    Args:
        base: of another server, as `--url` and `GOOGLE_GEMINI_BASE_URL` have it: http(s) or ws(s), with or without
            the path of the method. None is Google's.
        key: an API key, or an ephemeral token (`auth_tokens/…`), which has a method of its own.

    Raises:
        ConfigError: no URL of a Live server, or one that would send the key in the clear or in itself.
    """
    _check_key(key)
    parts = _check_url(base or GOOGLE)
    scheme = _SCHEMES[parts.scheme.lower()]
    if scheme == "ws" and not is_loopback(parts.hostname or ""):
        advice = "plain ws:// and http:// are for this machine only"
        raise ConfigError(f"{base} would send the key unencrypted", advice)
    is_token = key.startswith(_TOKEN_PREFIX)
    path = parts.path.rstrip("/")
    if "BidiGenerateContent" not in path:
        path += _METHOD + ("Constrained" if is_token else "")
    headers = {"Authorization": f"Token {key}"} if is_token else {"x-goog-api-key": key}
    return Endpoint(f"{scheme}://{parts.netloc}{path}", headers, key)


def _check_key(key: str) -> None:
    """Refuse what no key looks like before it gets anywhere, without repeating it."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            "the API key has characters that no key has", "copy it again from https://aistudio.google.com/apikey"
        )


def _check_url(base: str) -> SplitResult:
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as exc:
        raise ConfigError(f"{base!r} is no URL: {exc}") from exc
    if parts.scheme.lower() not in _SCHEMES or not host:
        raise ConfigError(f"{base!r} is no URL of a Live server", "it begins with wss:// or https://")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError("the URL of the server takes no key, user or query", "the key belongs into GEMINI_API_KEY")
    return parts
