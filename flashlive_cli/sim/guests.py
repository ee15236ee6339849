"""How programs that look for Gemini find the simulator: by variables of their environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flashlive_cli.sim.certificate import Certificate

DUMMY_KEY: Final = "flashlive-simulator-takes-any-key"

_ELSEWHERE: Final = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_API_VERSION")
"""Would have Google's SDKs dial another service, or another version of this one than their own default."""
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_HERE: Final = "127.0.0.1,localhost,::1"


def address_for_sdks(port: int, *, tls: bool) -> str:
    """What Google's SDKs take for a base URL; they dial TLS whatever it says."""
    return f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def guest_settings(
    inherited: Mapping[str, str], *, port: int, key: str | None, certificate: "Certificate | None"
) -> dict[str, str]:
    """
    Return the variables that lead a program to the simulator, and to nowhere else.

    Args:
        inherited: the environment they are added to; what it says of certificates and proxies stays true.
        port: of 127.0.0.1.
        key: the one that is let in; None for any.
        certificate: of the server; None without TLS.
    """
    settings = {"GOOGLE_GEMINI_BASE_URL": address_for_sdks(port, tls=certificate is not None)}
    # one of them is enough for today's SDKs, but older ones and programs of their own look for the other
    settings |= dict.fromkeys(("GEMINI_API_KEY", "GOOGLE_API_KEY"), key or DUMMY_KEY)
    if certificate is not None:
        bundle = str(certificate.bundle_file)
        settings |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), bundle)
        more = inherited.get("NODE_EXTRA_CA_CERTS", "")
        settings["NODE_EXTRA_CA_CERTS"] = str(certificate.joined(Path(more)) if more else certificate.ca_file)
        settings["DENO_CERT"] = str(certificate.ca_file)
    for name in ("NO_PROXY", "no_proxy"):
        known = inherited.get(name)
        if known is not None or any(proxy in inherited or proxy.lower() in inherited for proxy in _PROXIES):
            settings[name] = f"{known},{_HERE}" if known else _HERE
    return settings


def guest_environment(inherited: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a guest."""
    return {name: value for name, value in inherited.items() if name not in _ELSEWHERE} | dict(settings)
