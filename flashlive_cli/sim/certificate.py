"""
A throw-away authority and a certificate of its for this machine, for clients that dial nothing but TLS.

The authority signs once and its key is never written; the server's key is in a file for as long as it takes to load
it. What stays on disk until the end are certificates, which are public, in a folder only its owner may look into.
"""

import contextlib
import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flashlive_cli.errors import ConfigError, reason_of
from flashlive_cli.private import open_private

NAMES: Final = ("localhost", "127.0.0.1", "::1")
VALID: Final = dt.timedelta(days=1)
_CLOCKS_DIFFER: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """
    What both sides of a TLS connection need.

    Attributes:
        context: the server's.
        ca_file: PEM, the throw-away authority alone.
        bundle_file: PEM, the same and after it every authority that this machine trusts.
    """

    context: ssl.SSLContext
    ca_file: Path
    bundle_file: Path

    def joined(self, other: Path) -> Path:
        """A file beside these: the authority, and after it what another file holds, if that can be read."""
        joined = self.ca_file.with_name("joined.pem")
        more = b""
        with contextlib.suppress(OSError, ValueError):
            more = other.read_bytes()
        _put(joined, self.ca_file.read_bytes() + more)
        return joined


@contextlib.contextmanager
def throw_away_certificate() -> Iterator[Certificate]:
    """
    Make a certificate for `NAMES` that is good for a day; its files are gone when the block is left.

    Raises:
        ConfigError: the package that makes certificates is not installed, or the files cannot be written.
    """
    try:
        authority, chain, key = _issue()
    except ImportError as exc:
        raise ConfigError(
            "TLS takes the package cryptography, which is not installed; try: pip install 'flashlive-cli[tls]'"
        ) from exc
    try:
        folder = tempfile.TemporaryDirectory(prefix="flashlive-sim-")
    except OSError as exc:
        raise ConfigError(f"no temporary folder for a certificate: {reason_of(exc)}") from exc
    with folder as name:
        try:
            written = _write(Path(name), authority, chain, key)
        except OSError as exc:
            raise ConfigError(f"the certificate cannot be written to {name}: {reason_of(exc)}") from exc
        yield written


def _write(folder: Path, authority: bytes, chain: bytes, key: bytes) -> Certificate:
    ca_file, bundle_file, pair_file = folder / "ca.pem", folder / "bundle.pem", folder / "server.pem"
    _put(ca_file, authority)
    _put(bundle_file, authority + trusted_here())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        _put(pair_file, chain + key)
        context.load_cert_chain(pair_file)
    finally:
        pair_file.unlink(missing_ok=True)
    return Certificate(context, ca_file, bundle_file)


def _put(path: Path, content: bytes) -> None:
    with os.fdopen(open_private(path, os.O_TRUNC), "wb") as file:
        file.write(content)


def trusted_here() -> bytes:
    """What this machine's programs trust, as PEM: `SSL_CERT_FILE` where it is set, else the system's."""
    paths = ssl.get_default_verify_paths()
    for name in (os.environ.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile):
        with contextlib.suppress(OSError):
            if name and (found := Path(name).read_bytes()).strip():
                return found if found.endswith(b"\n") else found + b"\n"
    # Windows keeps them in a store, Python for macOS in a package
    found_der = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not found_der:
        with contextlib.suppress(ImportError, OSError):
            import certifi  # noqa: PLC0415 - a guest's: where it is, it is what the guest trusts

            return Path(certifi.where()).read_bytes()
    return "".join(ssl.DER_cert_to_PEM_cert(der) for der in found_der).encode("ascii")


def _issue() -> tuple[bytes, bytes, bytes]:
    """Return the authority's certificate, the server's, and the server's key, each as PEM."""
    from cryptography import x509  # noqa: PLC0415 - an extra, and slow to load
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    def alternative(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    began = dt.datetime.now(dt.UTC)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name, server_name = named("flashlive sim, for a day on this machine"), named("flashlive sim")

    def begun(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began - _CLOCKS_DIFFER)
            .not_valid_after(began + VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    authority = (
        begun(ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    # Python 3.13 and Go verify strictly: key identifiers and usages are not optional
    server = (
        begun(server_name, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([alternative(name) for name in NAMES]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return authority.public_bytes(pem), server.public_bytes(pem), key
