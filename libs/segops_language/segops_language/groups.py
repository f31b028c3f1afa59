"""Groups: conditions and groups joined by AND or OR, at most eight levels deep."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from pydantic.config import JsonDict
from typing_extensions import TypeAliasType

from segops_language.model import Items, LanguageModel, Negate
from segops_language.registry import Condition


def _node_kind(value: object) -> str:
    if isinstance(value, dict):
        return "condition" if "type" in value else "group"
    return "group" if isinstance(value, Group) or not isinstance(value, LanguageModel) else "condition"


Node = TypeAliasType(
    "Node",
    Annotated[
        Annotated["Group", Tag("group")] | Annotated[Condition, Tag("condition")],
        Discriminator(_node_kind),
    ],
)

EXAMPLE: JsonDict = {
    "logic": "AND",
    "conditions": [
        {
            "type": "event_count",
            "event_type": "page_viewed",
            "operator": "gte",
            "value": 1,
            "where": [{"property": "path", "operator": "eq", "value": "/pricing"}],
        },
        {"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"},
        {
            "type": "event_count",
            "event_type": "purchase",
            "operator": "eq",
            "value": 0,
            "window": {"last": "30d"},
        },
    ],
}


class Group(LanguageModel):
    """Nodes joined by AND or OR; AND of nothing is everyone, OR of nothing is no one."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    logic: Literal["AND", "OR"]
    conditions: Annotated[Items[Node], Field(description="Conditions and groups, at most 8 levels deep.")]
    negate: Negate = False
