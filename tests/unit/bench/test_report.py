"""What a benchmark's figures become: ratios, their order, and how they stand to a budget."""

from __future__ import annotations

import pytest

from bench.__main__ import names
from bench.harness.pairs import in_turn
from bench.report import Budget, Ratio, at_least, at_most, line_of


def test_ratios_are_of_pairs_and_rise() -> None:
    ratio = Ratio("ours", "theirs", ours=[30.0, 10.0, 80.0], theirs=[10.0, 5.0, 20.0], unit="us")

    assert ratio.values == [2.0, 3.0, 4.0]


def test_samples_without_a_partner_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        _ = Ratio("ours", "theirs", ours=[1.0, 2.0], theirs=[1.0], unit="us").values


@pytest.mark.parametrize(
    ("ours", "budget", "verdict"),
    [
        ([1.6, 9.0, 0.1], at_most(1.6), "budget at most 1.6x: met"),
        ([1.7, 1.7, 0.1], at_most(1.6), "budget at most 1.6x: NOT MET"),
        ([5.0, 5.0, 0.1], at_least(5), "budget at least 5x: met"),
        ([4.9, 4.9, 9.0], at_least(5), "budget at least 5x: NOT MET"),
        ([1.0, 1.0, 1.0], None, "no budget"),
    ],
)
def test_the_median_stands_to_the_budget(ours: list[float], budget: Budget | None, verdict: str) -> None:
    assert Ratio("ours", "theirs", ours=ours, theirs=[1.0, 1.0, 1.0], unit="us", budget=budget).verdict == verdict


def test_a_line_shows_the_spread_and_both_sides() -> None:
    ratio = Ratio("ours", "theirs", ours=[2.0, 9.0, 4.0], theirs=[1.0, 3.0, 1.0], unit="ms", budget=at_most(3))

    assert line_of(ratio) == (
        "ours / theirs: 2.00 – 3.00 – 4.00x (3 pairs; budget at most 3x: met); 4.0 against 1.0 ms"
    )


async def test_samples_take_turns_and_every_second_round_goes_backwards() -> None:
    taken: list[str] = []

    async def sample(name: str) -> float:
        taken.append(name)
        return float(len(taken))

    first, second = await in_turn(2, lambda: sample("a"), lambda: sample("b"))

    assert "".join(taken) == "ab" + "ab" + "ba"
    assert (first, second) == ([3.0, 6.0], [4.0, 5.0])


def test_every_benchmark_is_found() -> None:
    assert names() == [
        "compute",
        "hostile",
        "ingest",
        "joins",
        "log",
        "lookup",
        "members",
        "profile",
        "segments",
        "sink",
        "storage",
        "web",
    ]
