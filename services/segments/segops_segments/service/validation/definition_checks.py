"""Checks that a definition must pass before it is saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from segops_common.core.problems import Fault
from segops_language import Group, InvalidDefinition, LanguageFault, parse_definition
from segops_segments.domain.segment import MAX_DEFINITION_BYTES, definition_bytes

MAX_FAULTS: Final = 20


def faults_of(definition: object) -> tuple[Fault, ...]:
    """Return the faults of any JSON value as a definition; empty when it can be saved."""
    try:
        group = parse_definition(definition)
    except InvalidDefinition as refusal:
        return to_faults(refusal.faults)
    return size_faults(group)


def to_faults(faults: Iterable[LanguageFault]) -> tuple[Fault, ...]:
    """Convert the language's faults or warnings to faults of a problem document."""
    return tuple(Fault(fault.path, fault.code, fault.detail) for fault in faults)


def size_faults(definition: Group) -> tuple[Fault, ...]:
    """Return the fault of a definition that is too large for a message; empty for any other."""
    if definition_bytes(definition) <= MAX_DEFINITION_BYTES:
        return ()
    return (Fault("definition", "definition-too-complex", "must not exceed 256 KiB"),)


def not_available_yet(path: str, feature: str) -> Fault:
    """Return the fault of a valid value whose feature does not exist yet."""
    return Fault(path, "not-available-yet", f"{feature} is not available yet.")
