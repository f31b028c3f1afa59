"""`make bench`: run every benchmark, or those named: `make bench ARGS="lookup"`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import pkgutil
import sys

import bench
from bench.report import show


def names() -> list[str]:
    """Modules that have a `run`."""
    hidden = {"__main__", "report"}
    return [module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in hidden]


def main() -> int:
    """Run, print, and fail only when a benchmark itself fails: figures are read, not asserted."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names(), []], help="all of them when none is named")
    for name in parser.parse_args().names or names():
        show(name, asyncio.run(importlib.import_module(f"bench.{name}").run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
