"""
The way to the service, step by step: proxy, name, connection, encryption.

`dial` takes the same steps in one; taken one by one they tell which of them fails, and how long each takes. Each has
a time limit, and waits in a thread of its own where it cannot be cancelled.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit

from flashlive_cli.cli.checks import Check, Tell, ms
from flashlive_cli.cli.exits import SERVICE
from flashlive_cli.inthread import begin
from flashlive_cli.session.endpoint import Endpoint

_SOON_DAYS: Final = 3
_MOST_ADDRESSES: Final = 4
_UP: Final = "is the network up? a VPN, a firewall or a sign-in page of a Wi-Fi may be in the way"

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


async def check_network(endpoint: Endpoint, *, patience_s: float, tell: Tell) -> bool:
    """Take the steps; return whether dialling is worth a try."""
    parts = urlsplit(endpoint.url)
    host, secure = parts.hostname or "", parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    proxy = _proxy(host, port, secure=secure, loopback=endpoint.is_loopback, tell=tell)
    addresses = await _look_up(*(proxy or (host, port)), patience_s=patience_s, tell=tell)
    connected = await _connect(addresses, patience_s=patience_s, tell=tell) if addresses else None
    if connected is None:
        return False
    if proxy is not None or not secure:
        connected.close()
        words = "it is inside the proxy's tunnel" if proxy else "plain ws:// does not leave this machine"
        tell(Check("tls", "skipped", words, "nothing to do"))
        return True
    return await _encrypt(connected, host, patience_s=patience_s, tell=tell)


def _proxy(host: str, port: int, *, secure: bool, loopback: bool, tell: Tell) -> tuple[str, int] | None:
    """Find the proxy that websockets would use, by its rules; what it takes to log in there is not shown."""
    proxies = urllib.request.getproxies()
    schemes = ("wss", "socks", "https") if secure else ("ws", "socks", "https", "http")
    url = next((proxies[scheme] for scheme in schemes if scheme in proxies), None)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        proxy_host, proxy_port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        proxy_host, proxy_port = "", 0
    if loopback or urllib.request.proxy_bypass(f"{host}:{port}"):
        tell(Check("proxy", "ok", f"{proxy_host}:{proxy_port} is set, and not used for {host}"))
        return None
    if not proxy_host:
        words = "HTTPS_PROXY, or the system's proxy setting, is no URL of a proxy"
        tell(Check("proxy", "warning", words, "export HTTPS_PROXY=http://HOST:PORT, or unset it"))
        return None
    tell(Check("proxy", "ok", f"{parts.scheme}://{proxy_host}:{proxy_port} is used (HTTPS_PROXY or the system's)"))
    return proxy_host, proxy_port


async def _look_up(host: str, port: int, *, patience_s: float, tell: Tell) -> list[Address]:
    """Look up a name, in a thread: the resolver cannot be cancelled, and asyncio's own would be waited for."""
    begun = time.perf_counter()
    advice = f"{_UP}; is {host} spelled right?"
    try:
        async with asyncio.timeout(patience_s):
            rows = await begin(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), name="dns")
    except TimeoutError:
        tell(Check("dns", "failed", f"{host}: no answer within {patience_s:g} s", advice, exit_code=SERVICE))
        return []
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "no name of a host"
        tell(Check("dns", "failed", f"{host}: {reason}", advice, exit_code=SERVICE))
        return []
    took = ms(time.perf_counter() - begun)
    names = list(dict.fromkeys(str(row[4][0]) for row in rows))
    if _is_address(host):
        tell(Check("dns", "ok", f"{host} is an address", figures={"addresses": names}))
    else:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        figures = {"addresses": names, "dns_ms": took}
        tell(Check("dns", "ok", f"{host} is {names[0]}{more} ({took:g} ms)", figures=figures))
    return [(row[0], row[4]) for row in rows]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _connect(addresses: Sequence[Address], *, patience_s: float, tell: Tell) -> socket.socket | None:
    """Connect to the first address that lets us, in the order in which a talk tries them."""
    loop = asyncio.get_running_loop()
    refusals: list[str] = []
    for family, address in addresses[:_MOST_ADDRESSES]:
        begun = time.perf_counter()
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(patience_s):
                await loop.sock_connect(connection, address)
        except TimeoutError:
            refusals.append(f"{address[0]!s}: no answer within {patience_s:g} s")
            connection.close()
        except OSError as exc:
            # asyncio puts other words into strerror
            refusals.append(f"{address[0]!s}: {os.strerror(exc.errno) if exc.errno else exc}")
            connection.close()
        except BaseException:
            connection.close()
            raise
        else:
            took = ms(time.perf_counter() - begun)
            found = f"port {address[1]!s} of {address[0]!s} answers ({took:g} ms)"
            figures = {"tcp_ms": took, "address": str(address[0]), "refusals": refusals}
            if refusals:
                advice = "a talk waits for that each time: switch IPv6 off, or mend it" if ":" in refusals[0] else _UP
                tell(Check("tcp", "warning", f"{found}, but {', '.join(refusals)}", advice, figures))
            else:
                tell(Check("tcp", "ok", found, figures=figures))
            return connection
    advice = f"{_UP}; for a server of your own: is it running, and is the port right?"
    tell(Check("tcp", "failed", ", ".join(refusals), advice, {"refusals": refusals}, SERVICE))
    return None


async def _encrypt(connection: socket.socket, host: str, *, patience_s: float, tell: Tell) -> bool:
    """Do the TLS handshake over a connection, and close it."""
    context = ssl.create_default_context()
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(patience_s):
            _, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=host)
    except TimeoutError:
        advice = "is it a TLS server? a firewall may swallow what it does not know"
        tell(Check("tls", "failed", f"{host} did not answer within {patience_s:g} s", advice, exit_code=SERVICE))
        return False
    except ssl.SSLCertVerificationError as exc:
        found = f"the certificate of {host} is not trusted: {exc.verify_message}"
        tell(Check("tls", "failed", found, _advice_on_certificate(exc), exit_code=SERVICE))
        return False
    except OSError as exc:  # ssl.SSLError is one
        reason = exc.reason if isinstance(exc, ssl.SSLError) and exc.reason else exc.strerror or str(exc)
        advice = "is it a plain server, for ws://? a firewall may also cut what it cannot read"
        tell(Check("tls", "failed", f"{host}: {reason}", advice, exit_code=SERVICE))
        return False
    took = ms(time.perf_counter() - begun)
    encrypted: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    _tell_certificate(encrypted, took, tell)
    return True


def _tell_certificate(encrypted: ssl.SSLObject, took_ms: float, tell: Tell) -> None:
    certificate = encrypted.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = int((ends - datetime.now(UTC).timestamp()) // 86400)
    issuer = dict(pair for part in cast("Iterable[Any]", certificate.get("issuer", ())) for pair in part)
    issued_by = issuer.get("organizationName") or issuer.get("commonName") or "nobody named"
    version = encrypted.version() or "TLS"
    found = f"{version}, certificate by {issued_by}, good for {days} days ({took_ms:g} ms)"
    figures = {"tls_ms": took_ms, "version": version, "issuer": issued_by, "certificate_days": days}
    if days < _SOON_DAYS:
        tell(Check("tls", "warning", found, "it ends soon: tell whose server it is", figures))
    else:
        tell(Check("tls", "ok", found, figures=figures))


def _advice_on_certificate(exc: ssl.SSLCertVerificationError) -> str:
    words = exc.verify_message or ""
    if "expired" in words or "not yet valid" in words:
        return f"is the clock of this computer right? it says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if "match" in words:
        return "the server is not the one it is called; a sign-in page of a Wi-Fi does that: open a browser first"
    return (
        "a company's proxy or a virus scanner that reads TLS has an authority of its own: "
        "export SSL_CERT_FILE=/path/to/that-authority.pem; with Python from python.org on macOS run "
        "'Install Certificates.command'"
    )
