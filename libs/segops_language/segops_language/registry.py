"""The types of condition, collected from the folder `conditions`: adding a module there adds a type."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from segops_language import conditions
from segops_language.conditions import base
from segops_language.conditions.base import Kind

_WITHOUT_KIND: Final = ("base", "shared")


def kinds_in(package: ModuleType) -> Mapping[str, Kind[Any]]:
    """Return the kinds of a package's modules by name, in the order of the modules' names.

    Raises TypeError for a module without a `KIND`, and for two kinds of one name.
    """
    kinds: dict[str, Kind[Any]] = {}
    for module in _modules(package):
        kind = getattr(module, "KIND", None)
        if not isinstance(kind, Kind):
            raise TypeError(f"{module.__name__} must define KIND, a Kind")
        if kind.name in kinds:
            raise TypeError(f"{module.__name__} must not define {kind.name!r}, which another module defines")
        kinds[kind.name] = kind
    return MappingProxyType(kinds)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if info.name not in _WITHOUT_KIND)
    return (import_module(f"{package.__name__}.{name}") for name in names)


KINDS: Final = kinds_in(conditions)
"""Every type of condition by the value of `type`."""


def kind_of(condition: base.Condition) -> Kind[Any]:
    """Return what the language knows about the condition's type."""
    return KINDS[condition.type]


class _OneOfKinds:
    """Validates a condition as the type that its field `type` names."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        union = reduce(or_, (kind.schema for kind in KINDS.values()))
        return handler.generate_schema(Annotated[union, Field(discriminator="type")])


Condition = TypeAliasType("Condition", Annotated[base.Condition, _OneOfKinds()])
"""A condition of any type, as a field of a model."""
