"""`segment`: membership in another segment, by what that one compiled to."""

from __future__ import annotations

from segops_language.conditions import SegmentMembership
from segops_membership.domain.predicates import Expression
from segops_membership.questions.question import Context, Question


def _compile(condition: SegmentMembership, context: Context) -> Expression:
    return context.references[condition.segment_id]


QUESTION = Question(condition_type="segment", compile=_compile, predicates=())
