"""The digest of a set of members: the same for the same user ids on any machine, in any order, under any numbering.

Two sums modulo 2^64 over the members, of XXH64 and of XXH3 (64 bits), both with seed 0, of the user id in UTF-8; written
as 32 hexadecimal digits, XXH64 first. Sums can be updated by who entered and who exited. It finds differences, not
forgers: whoever may choose user ids can make two sets with one digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MODULUS: Final = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """Sums of hashes, each from 0 to 2^64 - 1; of nobody, zeros."""

    xxh64: int = 0
    xxh3: int = 0

    def __add__(self, other: Digest) -> Digest:
        """Of both sets, which have nobody in common."""
        return Digest((self.xxh64 + other.xxh64) % _MODULUS, (self.xxh3 + other.xxh3) % _MODULUS)

    def __sub__(self, other: Digest) -> Digest:
        """Of what is left without a part."""
        return Digest((self.xxh64 - other.xxh64) % _MODULUS, (self.xxh3 - other.xxh3) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.xxh64:016x}{self.xxh3:016x}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """The digest that is written so."""
        return cls(int(text[:16], 16), int(text[16:], 16))
