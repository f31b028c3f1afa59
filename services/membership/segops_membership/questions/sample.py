"""`sample`: a stable share of the profiles, chosen by a hash."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import xxhash

from segops_language.conditions import Sample
from segops_membership.domain.predicates import Expression, Predicate
from segops_membership.domain.profile import Profile
from segops_membership.questions.question import NOT_KEPT, Context, PredicateKind, ProfileRows, Question
from segops_membership.sql.parameters import Bindings


@dataclass(frozen=True, slots=True)
class SamplePredicate(Predicate):
    """Profiles whose hash with the seed, modulo 1,000,000, is less than `below`."""

    seed: str
    below: int


def _compile(condition: Sample, context: Context) -> Expression:
    """Round the share of a million up: hashes are whole. As decimals, because no double has an exact tenth."""
    below = math.ceil(Decimal(str(condition.percent)) * 10_000)
    return SamplePredicate(str(context.segment_id) if condition.seed is None else condition.seed, below)


def _measure(predicate: SamplePredicate, _: str, bind: Bindings) -> str:
    return f"xxHash64(concat({bind.text(predicate.seed + ':')}, user_id)) % 1000000"


def _verdict(predicate: SamplePredicate, column: str, bind: Bindings) -> str:
    return f"{column} < {bind.integer(predicate.below)}"


def _interpret(predicate: SamplePredicate, profile: Profile) -> bool:
    text = f"{predicate.seed}:{profile.profile_id}"
    return xxhash.xxh64_intdigest(text.encode()) % 1_000_000 < predicate.below


QUESTION = Question(
    condition_type="sample",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=SamplePredicate,
            rows=lambda _: ProfileRows(),
            measure=_measure,
            verdict=_verdict,
            merges=lambda _: False,
            width=NOT_KEPT,
            interpret=_interpret,
        ),
    ),
)
