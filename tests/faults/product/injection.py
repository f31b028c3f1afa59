"""Faults, schedules of them by a seed, and their injection. A fault that was not reached is an error."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import assert_never

import psutil

from segops_local.processes.family import members
from tests.faults.product.disk import fill
from tests.faults.product.load import Load
from tests.faults.product.running import PROCESSES, Product, until

LONGER_THAN_A_LEASE_S = 6.0
"""The event log's leases last for 5 s, leases of tenants for 2 s here."""
EVENTS_BETWEEN = 30
"""How many events are acknowledged after a fault before the next one, however fast the machine is."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to the first process of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP to all processes of that name, and SIGCONT after `for_s`."""

    name: str
    for_s: float = LONGER_THAN_A_LEASE_S


@dataclass(frozen=True, slots=True)
class KillSupervisor:
    """SIGKILL to the supervisor, and another start."""


@dataclass(frozen=True, slots=True)
class FullDisk:
    """No byte is left on the disk of all data."""

    for_s: float


Fault = Kill | Freeze | KillSupervisor | FullDisk
Step = tuple[Fault, ...]
"""Faults at the same time."""


def kills_and_freezes(seed: int, *, pairs: int) -> Sequence[Step]:
    """Return each kill and each freeze alone, in a random order, then random pairs, and a kill of the supervisor."""
    random = Random(seed)
    faults: list[Fault] = [*map(Kill, PROCESSES), *map(Freeze, PROCESSES)]
    random.shuffle(faults)
    names = [random.sample(PROCESSES, 2) for _ in range(pairs)]
    return [
        *((fault,) for fault in faults),
        *((Kill(first), Freeze(second)) for first, second in names),
        (KillSupervisor(),),
    ]


async def inject(product: Product, load: Load, steps: Iterable[Step]) -> int:
    """Inject all faults; after each step the product must be ready and the load must go on. Return their number."""
    injected = 0
    for step in steps:
        async with asyncio.TaskGroup() as group:
            for fault in step:
                group.create_task(_inject(product, fault))
        await product.ready()
        await load.grows(EVENTS_BETWEEN)
        injected += len(step)
    return injected


async def _inject(product: Product, fault: Fault) -> None:
    match fault:
        case Kill(name):
            await _kill(product, name)
        case Freeze(name, for_s):
            await _freeze(product, name, for_s)
        case KillSupervisor():
            await product.kill_supervisor()
            await product.start()
        case FullDisk(for_s):
            refusals = await fill(product.state / "everything-else", for_s=for_s)
            assert refusals > 0, "the disk never was full"
        case _:
            assert_never(fault)


async def _kill(product: Product, name: str) -> None:
    killed = product.signal(name, signal.SIGKILL)

    def is_replaced() -> bool:
        family = product.families().get(name)
        return family is not None and family.pid != killed.pid

    await until(is_replaced, f"another start of {name}")


async def _freeze(product: Product, name: str, for_s: float) -> None:
    family = product.signal(name, signal.SIGSTOP)
    try:
        await asyncio.sleep(for_s)
        assert psutil.Process(family.pid).status() == psutil.STATUS_STOPPED, f"{name} was not frozen"
    finally:
        if members(family):
            product.signal(name, signal.SIGCONT)
