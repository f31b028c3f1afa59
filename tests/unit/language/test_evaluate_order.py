"""Sequences and kept values, compared with the definition in docs/segment-language.md by trying every choice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from random import Random
from typing import Any

import pytest
from pydantic import JsonValue

from segops_language.conditions.trait import kept_since
from segops_language.events import Event, in_order
from segops_language.reference.evaluate import evaluate
from segops_language.values.json import same
from tests.corpus.builders import group


def test_a_chain_is_any_choice_of_different_events_in_order() -> None:
    random = Random(3)
    verdicts = set()
    for _ in range(4_000):
        events = _events_of_crowded_times(random)
        types = [random.choice("ab*") for _ in range(random.randint(2, 4))]
        within_s = random.randrange(4)
        steps = [[event for event in events if step in (event.event_type, "*")] for step in types]
        expected = any(
            all(in_order(one) < in_order(other) for one, other in pairwise(choice))
            and choice[-1].timestamp_ms - choice[0].timestamp_ms <= within_s * 1000
            for choice in product(*steps)
        )
        condition: dict[str, Any] = {
            "type": "event_sequence",
            "steps": [{"event_type": step} for step in types],
            "within": f"{within_s}s",
        }

        assert bool(evaluate(group(condition), events, 10_000, segment_id=1)) == expected, (events, condition)
        verdicts.add((len(steps), expected))
    assert verdicts == set(product(range(2, 5), (True, False)))


def _events_of_crowded_times(random: Random) -> list[Event]:
    """Return events of one profile at few times and positions, some of them delivered twice."""
    fresh = [
        Event("u", random.choice("ab"), random.choice("mMz"), random.randrange(3) * 1000, {}, random.randrange(2))
        for _ in range(random.randrange(6))
    ]
    distinct = list({event.identity: event for event in reversed(fresh)}.values())
    return distinct + random.sample(distinct, random.randint(0, len(distinct)))


def test_a_strict_chain_has_no_other_tracked_event_between() -> None:
    random = Random(4)
    verdicts = set()
    for _ in range(4_000):
        events = _events_of_crowded_times(random)
        events += [replace(event, event_type="$p") for event in random.sample(events, min(2, len(events)))]
        distinct = {event.identity: event for event in reversed(events)}.values()
        tracked = [event for event in distinct if not event.event_type.startswith("$")]
        types = [random.choice(("a", "b", "*", "$p")) for _ in range(random.randint(2, 3))]
        steps = [[e for e in distinct if step == e.event_type or (step == "*" and e in tracked)] for step in types]
        chains = [
            choice
            for choice in product(*steps)
            if all(in_order(one) < in_order(other) for one, other in pairwise(choice))
            and choice[-1].timestamp_ms - choice[0].timestamp_ms <= 1000
        ]
        strict = any(
            all(e in chain for e in tracked if in_order(chain[0]) < in_order(e) < in_order(chain[-1]))
            for chain in chains
        )
        condition: dict[str, Any] = {"type": "event_sequence", "steps": [{"event_type": step} for step in types]}
        condition |= {"within": "1s", "strict": True}

        assert bool(evaluate(group(condition), events, 10_000, segment_id=1)) == strict, (events, condition)
        verdicts.add((len(steps), bool(chains), strict))
    assert verdicts == {
        (count, *verdict) for count in (2, 3) for verdict in ((True, True), (True, False), (False, False))
    }


def test_a_strict_step_that_does_not_match_breaks_the_chain() -> None:
    steps = [{"event_type": "a"}, {"event_type": "b", "where": [{"property": "n", "operator": "eq", "value": 2}]}]
    condition = {"type": "event_sequence", "steps": steps, "within": "1h", "strict": True}
    a, other, b = (Event("u", name, f"m{n}", n * 1000, {"n": n}) for n, name in enumerate("abb"))

    assert not _is_member(condition, [a, other, b])
    assert _is_member(condition, [a, b])


ORDERED = [
    ("time", Event("u", "z", "z", 1, {}, 9), Event("u", "a", "a", 2, {}, 0)),
    ("position", Event("u", "z", "z", 1, {}, 2), Event("u", "a", "a", 1, {}, 10)),
    ("message_id", Event("u", "z", "Z", 1, {}, 2), Event("u", "a", "a", 1, {}, 2)),
    ("bytes of message_id", Event("u", "z", "\uffff", 1, {}, 2), Event("u", "a", "😀", 1, {}, 2)),
    ("event type", Event("u", "a", "m", 1, {}, 2), Event("u", "b", "m", 1, {}, 2)),
]


@pytest.mark.parametrize(("first", "second"), [case[1:] for case in ORDERED], ids=[case[0] for case in ORDERED])
def test_events_are_ordered_by(first: Event, second: Event) -> None:
    sequence: dict[str, Any] = {"type": "event_sequence", "within": "1s"}
    steps = [{"event_type": event.event_type} for event in (first, second)]
    last = {"type": "event_match", "event_type": "*", "occurrence": "last", "has": []}
    where = [{"property": "p", "operator": "eq", "value": 2}]
    events = [replace(second, payload={"p": 2}), replace(first, payload={"p": 1})]

    assert _is_member({**sequence, "steps": steps}, events)
    assert not _is_member({**sequence, "steps": steps[::-1]}, events)
    assert _is_member({**last, "has": where}, events)
    assert not _is_member({**last, "occurrence": "first", "has": where}, events)


def test_of_equal_times_the_trait_set_by_the_later_position_wins() -> None:
    calls = [
        Event("u", "$identify", message_id, 1, {"plan": plan}, position)
        for message_id, plan, position in (("z", "free", 0), ("a", "pro", 1))
    ]

    assert _is_member({"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"}, calls)


def test_one_event_is_one_step_however_often_it_was_delivered() -> None:
    event = Event("u", "a", "m", 1, {}, 0)
    twice: dict[str, Any] = {
        "type": "event_sequence",
        "steps": [{"event_type": "a"}, {"event_type": "a"}],
        "within": "1s",
    }

    assert not _is_member(twice, [event, event, replace(event, position=1)])
    assert _is_member(twice, [event, replace(event, message_id="n")])


def test_an_event_counts_once_by_user_type_id_and_time_and_the_first_payload_counts() -> None:
    event = Event("u", "a", "m", 1, {"p": 1})
    others = [replace(event, event_type="b"), replace(event, timestamp_ms=2), replace(event, payload={"p": 2})]
    three = {"type": "event_count", "event_type": "*", "operator": "eq", "value": 3}
    first = {"type": "event_count", "event_type": "a", "operator": "eq", "value": 2}

    assert _is_member(three, [event, *others])
    assert _is_member({**first, "where": [{"property": "p", "operator": "eq", "value": 1}]}, [event, *others])


def _is_member(condition: dict[str, Any], events: list[Event]) -> bool:
    return bool(evaluate(group(condition), events, 10_000, segment_id=1))


@pytest.mark.parametrize(
    ("history", "since"),
    [
        ([], None),
        ([(1, None)], None),
        ([(1, "a")], 1),
        ([(1, "a"), (2, "a")], 1),
        ([(1, 5), (2, 5.0)], 1),
        ([(1, "a"), (2, "b")], 2),
        ([(1, "a"), (2, "b"), (3, "a")], 3),
        ([(1, "a"), (2, None)], None),
        ([(1, "a"), (2, None), (3, "a")], 3),
        ([(1, "a"), (2, "b"), (3, "b"), (4, "b")], 2),
    ],
)
def test_an_equal_value_does_not_restart_the_clock_and_a_removal_does(
    history: list[tuple[int, JsonValue]], since: int | None
) -> None:
    assert kept_since(history) == since


def test_values_are_the_same_in_type_and_value() -> None:
    different: list[JsonValue] = [
        1,
        True,
        "1",
        [1],
        [True],
        [1, 1],
        {"a": 1},
        {"a": True},
        {"a": [1]},
        {"b": 1},
        [],
        {},
    ]
    for one, other in product(different, different):
        assert same(one, other) == (one is other), (one, other)
    assert same({"a": 1, "b": [{"c": 0.0}]}, {"b": [{"c": -0.0, "d": None}], "a": 1.0})
