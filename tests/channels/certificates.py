"""Certificates for mail servers under test, made when they are needed."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Issuer:
    """Signs certificates; `bundle` is the file that trusts it."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def bundle(self) -> Path:
        return self.folder / "trusted.pem"

    def server(self, name: str, *, days: int = 30) -> ssl.SSLContext:
        """What a server shows that calls itself so; `days` below 0: it ended before."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative: x509.GeneralName
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        made = _builder(name, key.public_key(), self.certificate.subject, days).add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        )
        shown = self.folder / f"{name}{days}.pem"
        shown.write_bytes(
            made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown)
        return context


def issuer(folder: Path) -> Issuer:
    """A new one that nobody trusts but who reads its bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuer under test")])
    made = _builder("Issuer under test", key.public_key(), name, 60).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    found = Issuer(folder, key, made.sign(key, hashes.SHA256()))
    found.bundle.write_bytes(found.certificate.public_bytes(serialization.Encoding.PEM))
    return found


def _builder(name: str, key: ec.EllipticCurvePublicKey, by: x509.Name, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(by)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=90))
        .not_valid_after(NOW + dt.timedelta(days=days))
    )
