"""The corpus: a thousand generated definitions, forty for each generated scenario. The same seed gives the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from tests.corpus.scenario import Scenario

SEGMENT: Final = 7
SCENARIOS: Final = 26
DEFINITIONS: Final = 40
"""Per scenario. More of them cost little, because they share the statements of their scenario."""
_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Cases:
    """Definitions in one scenario; a case is one definition as of the scenario's instant."""

    scenario: Scenario
    definitions: tuple[Group, ...]

    @classmethod
    def of(cls, seed: int | bytes) -> Cases:
        """Generate a scenario and its definitions. A definition may refer to earlier ones."""
        cases = cls(Scenario(Random(seed)), ())
        definitions = tuple(cases._definition(SEGMENT + 1 + i) for i in range(DEFINITIONS))
        return replace(cases, definitions=definitions)

    def _definition(self, segment_id: int) -> Group:
        """Return one that divides the scenario if a few attempts find one: agreeing on everyone or no one is too easy."""
        for _ in range(_ATTEMPTS):
            definition = self.scenario.definition(segment_id)
            if self.divides(definition):
                return definition
            del self.scenario.references[segment_id]
        return self.scenario.definition(segment_id)

    def divides(self, definition: Group) -> bool:
        """Return whether some users with events are members and some are not."""
        events = self.scenario.events
        everyone = {event.profile_id for event in events if event.timestamp_ms <= self.scenario.as_of_ms}
        return 0 < len(self.members(definition, events) & everyone) < len(everyone)

    def members(self, definition: Group, events: Sequence[Event]) -> frozenset[str]:
        """Return the members by the language's reference."""
        return evaluate(
            definition,
            events,
            self.scenario.as_of_ms,
            segment_id=SEGMENT,
            references=self.scenario.references,
            lists=self.scenario.lists,
        )


@cache
def corpus() -> tuple[Cases, ...]:
    """Return all cases; they are generated once in a process, in less than a second."""
    return tuple(Cases.of(seed) for seed in range(SCENARIOS))
