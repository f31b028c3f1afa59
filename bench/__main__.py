"""`make bench`: run every benchmark, or only some: `make bench ARGS="lookup"`."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
import time

import uvloop

import bench
from bench.report import show

NOT_A_BENCHMARK = frozenset({"__main__", "report"})


def names() -> list[str]:
    """Return the names of the modules that have a `run`."""
    modules = pkgutil.iter_modules(bench.__path__)
    return [module.name for module in modules if not module.ispkg and module.name not in NOT_A_BENCHMARK]


def _run(name: str, events: int | None) -> None:
    run = importlib.import_module(f"bench.{name}").run
    sized = events is not None and "events" in inspect.signature(run).parameters
    began = time.monotonic()
    show(name, uvloop.run(run(events=events) if sized else run()))
    print(f"  took {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    """Run benchmarks and print their figures. Only a benchmark that raises makes the command fail, not a missed budget."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all when none is named")
    parser.add_argument("--events", type=int, help="events that `segments` generates, by default 2 million")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in names()]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}")
    for name in options.names or names():
        _run(name, options.events)
    return 0


if __name__ == "__main__":
    sys.exit(main())
