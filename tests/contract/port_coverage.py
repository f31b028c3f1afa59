"""Finds the ports of a service, to check that each has a memory adapter."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Protocol


def classes_in(package: ModuleType) -> dict[str, type]:
    """Return the classes that the package's modules define."""
    classes: dict[str, type] = {}
    for module_info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(module_info.name)
        members = inspect.getmembers(module, inspect.isclass)
        classes |= {name: member for name, member in members if member.__module__ == module.__name__}
    return classes


def ports_in(package: ModuleType) -> dict[str, type]:
    """Return the protocols that the package's modules define."""
    return {name: port for name, port in classes_in(package).items() if Protocol in port.__mro__}
