"""The digest of a set of members. Equal sets of user ids have equal digests on any machine and with any numbering.

A digest is two sums modulo 2^64 over the members: of XXH64 and of XXH3 (64 bits), both with seed 0, of the user id in
UTF-8. It is written as 32 hexadecimal digits, XXH64 first. A sum can be updated by the users who entered and exited.

A digest finds accidental differences. It is not secure: a caller who chooses user ids can make two sets with one digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MODULUS: Final = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """Two sums of hashes, each from 0 to 2^64 - 1; zero for the empty set."""

    xxh64: int = 0
    xxh3: int = 0

    def __add__(self, other: Digest) -> Digest:
        """Return the digest of the union of two disjoint sets."""
        return Digest((self.xxh64 + other.xxh64) % _MODULUS, (self.xxh3 + other.xxh3) % _MODULUS)

    def __sub__(self, other: Digest) -> Digest:
        """Return the digest of the set without a subset."""
        return Digest((self.xxh64 - other.xxh64) % _MODULUS, (self.xxh3 - other.xxh3) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.xxh64:016x}{self.xxh3:016x}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest from its 32 hexadecimal digits."""
        return cls(int(text[:16], 16), int(text[16:], 16))
