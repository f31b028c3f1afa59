"""What keeps a definition from being saved."""

from __future__ import annotations

from collections.abc import Iterable

from segops_common.core.problems import Fault
from segops_language import DefinitionFault, Group, InvalidDefinition, parse_definition
from segops_segments.domain.segment import MAX_DEFINITION_BYTES, definition_bytes

MAX_FAULTS = 20


def faults_of(definition: object) -> tuple[Fault, ...]:
    """The faults of any JSON value as a definition; none when it could be saved."""
    try:
        group = parse_definition(definition)
    except InvalidDefinition as refusal:
        return to_faults(refusal.faults)
    return size_faults(group)


def to_faults(faults: Iterable[DefinitionFault]) -> tuple[Fault, ...]:
    """Return the language's faults or warnings as those of a problem document."""
    return tuple(Fault(fault.path, fault.code, fault.detail) for fault in faults)


def size_faults(definition: Group) -> tuple[Fault, ...]:
    """The fault of a definition that no message has room for."""
    if definition_bytes(definition) <= MAX_DEFINITION_BYTES:
        return ()
    return (Fault("definition", "definition-too-complex", "A definition has at most 256 KiB."),)


def not_yet(path: str, what: str) -> Fault:
    """The fault of something valid that this version does not have."""
    return Fault(path, "not-available-yet", f"{what} is not available yet.")
