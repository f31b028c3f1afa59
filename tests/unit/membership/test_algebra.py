"""Set algebra over a universe: its laws hold whatever the bitmaps are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from segops_membership.adapters.clickhouse.bitmap_state import decode_state, encode_state
from segops_membership.domain.predicates import EVERYONE, NO_ONE, AllOf, AnyOf, Expression, Not, Predicate, Present
from segops_membership.domain.set_algebra import members
from segops_membership.questions.trait import TraitPredicate

PREDICATES: tuple[Predicate, ...] = tuple(TraitPredicate((key,), Present()) for key in "abc")
numbers = st.frozensets(st.integers(0, 50), max_size=20)
bitmaps_by_predicate = st.fixed_dictionaries({predicate: numbers.map(BitMap) for predicate in PREDICATES})
expressions: st.SearchStrategy[Expression] = st.recursive(
    st.sampled_from((*PREDICATES, EVERYONE, NO_ONE)),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


@given(expressions, expressions, bitmaps_by_predicate, numbers.map(BitMap))
def test_laws(left: Expression, right: Expression, bitmaps: dict[Predicate, BitMap], universe: BitMap) -> None:
    def of(expression: Expression) -> BitMap:
        return members(expression, bitmaps, universe)

    assert of(left) <= universe
    assert of(Not(left)) == universe - of(left)
    assert of(Not(AllOf((left, right)))) == of(AnyOf((Not(left), Not(right))))
    assert of(AllOf((left, right))) <= of(left)
    assert of(AnyOf((left, NO_ONE))) == of(left) == of(AllOf((left, EVERYONE)))


@given(bitmaps_by_predicate, numbers.map(BitMap))
def test_bitmaps_are_not_changed(bitmaps: dict[Predicate, BitMap], universe: BitMap) -> None:
    kept = {predicate: bitmap.copy() for predicate, bitmap in bitmaps.items()}

    members(AnyOf((AllOf(PREDICATES), Not(PREDICATES[0]))), bitmaps, universe)

    assert bitmaps == kept


@given(st.frozensets(st.integers(0, 2**32 - 1), max_size=200).map(BitMap))
def test_states_survive_the_way_to_the_warehouse(bitmap: BitMap) -> None:
    assert decode_state(encode_state(bitmap)) == bitmap


def test_a_short_state_is_a_list() -> None:
    assert decode_state(bytes.fromhex("0003000000000100000002000000")) == BitMap([0, 1, 2])
