"""docs/scale.md has the figures that `python -m bench.scale` prints, and they follow from the formulas that it gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import pytest

import bench
from bench.scale import lag, sizing
from bench.scale.lag import PARTITIONS, Burst, even, simulate, skewed
from segops_common.contracts.topics import EVENTS

DOCS: Final = Path(bench.__file__).parents[1] / "docs"
PAGE: Final = (DOCS / "scale.md").read_text(encoding="utf-8")
PERFORMANCE: Final = (DOCS / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "table"), [("sizes", sizing.table), ("lag", lag.table)])
def test_the_page_has_what_the_command_prints(name: str, table: object) -> None:
    assert callable(table)
    assert f"<!-- {name} -->\n{table()}\n<!-- end of {name} -->" in PAGE


def test_the_measurements_are_in_the_documents() -> None:
    decision = next((DOCS / "decisions").glob("0028-*.md")).read_text(encoding="utf-8")
    for figure in ("150 µs", "6 µs an event", "CPU: 18.2 s a million events", "47 bytes an event"):
        assert figure in PERFORMANCE, figure
    for figure in ("a count: 156 ms", "grouping 6.4 million events", "200 segments in one job: 317 MiB"):
        assert figure in PERFORMANCE, figure
    assert "about 150 bytes of Redis for a day" in decision
    assert "ingest's API 101, sink 98" in (DOCS / "deploy.md").read_text(encoding="utf-8")
    assert sizing.PARTITIONS == PARTITIONS == EVENTS.partitions


def test_the_formulas_of_the_page() -> None:
    assert [round(sizing.ingest_seconds(n), 1) for n in (1, 20, 100, 1_000)] == [150.0, 13.2, 7.4, 6.1]
    assert round(sizing.count_seconds(1e6) * 1_000) == 24
    assert 55 < sizing.count_seconds(100_000 * 0.01 * 86_400 * 30) < 70
    assert [round(sizing.run_gib(users), 1) for users in (1e6, 1e7)] == [0.5, 5.2]


@pytest.mark.parametrize("burst", lag.BURSTS)
def test_an_even_burst_follows_the_formula(burst: Burst) -> None:
    excess = (burst.factor * burst.load - 1) * burst.seconds
    result = simulate(burst, even())
    assert result.largest_s == pytest.approx(excess, abs=0.3)
    # The simulation ends when the oldest event is a second old; the formula ends when none is left.
    ends = excess / (1 - burst.load)
    assert ends - 1.5 / (1 - burst.load) < result.caught_up_s <= ends + 0.3


def test_no_burst_is_no_lag() -> None:
    assert simulate(Burst(0.9, 1, 60), even()).largest_s < 0.2
    assert simulate(Burst(0.9, 1, 60), even(), sinks=1).caught_up_s == 0


def test_a_partition_that_gets_too_much_never_catches_up() -> None:
    shares = skewed()
    assert sum(shares) == pytest.approx(1)
    assert 1.55 < max(shares) * PARTITIONS < 1.65
    assert math.isinf(simulate(Burst(0.8, 2, 60), shares).largest_s)
    # One sink that stores as much as twelve is late only as a whole.
    assert simulate(Burst(0.8, 2, 60), shares, sinks=1) == simulate(Burst(0.8, 2, 60), even(), sinks=1)
