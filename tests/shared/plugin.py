"""Hooks that tell every process of a run where its shared engines are, and count the tests that use them."""

from __future__ import annotations

import gc
import resource
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.shared.client import Shared, SharedOwner
from tests.shared.times import write_times

_OWNER = pytest.StashKey[SharedOwner]()
SHARED = pytest.StashKey[Shared]()
_USES = pytest.StashKey[Counter[str]]()
COUNTED = frozenset({"valkey_stack", "kafka_stack"})
"""Fixtures whose resource is stopped after its last test: eight processes and two or three engines each."""


def pytest_configure(config: pytest.Config) -> None:
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        config.stash[SHARED] = Shared(Path(workerinput["shared_folder"]))
        return
    config.stash[_OWNER] = SharedOwner()
    config.stash[SHARED] = config.stash[_OWNER].shared


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called in the first process for each worker that it starts."""
    node.workerinput["shared_folder"] = str(node.config.stash[SHARED].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    owner = config.stash.get(_OWNER, None)
    if owner is not None:
        before = _waited_for()
        owner.close()
        write_times(config, _waited_for() - before)


def _waited_for() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """A quarter of the time of the collection would be spent on garbage, and there is none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    # What the collection made stays until the end of the run: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    session.config.stash[_USES] = Counter(name for item in session.items for name in used_by(item))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    for name in used_by(item):
        item.config.stash[SHARED].note_use(name, item.config.stash[_USES][name])


def used_by(item: pytest.Item) -> Iterable[str]:
    """The counted fixtures of a test, its own or given as a parameter."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec is not None else ()
    names = {*getattr(item, "fixturenames", ()), *(value for value in parameters if isinstance(value, str))}
    return COUNTED & names
