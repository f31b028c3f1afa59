"""Signing keys for tests."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def new_private_key(curve: ec.EllipticCurve | None = None) -> str:
    """An EC private key in PEM, on P-256 unless another curve is named."""
    return pem_of(ec.generate_private_key(curve or ec.SECP256R1()))


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    """The private key as text."""
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded.decode()
