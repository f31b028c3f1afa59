"""Groups: conditions and groups joined by AND or OR, at most eight levels deep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, PrivateAttr, Tag
from pydantic.config import JsonDict
from typing_extensions import TypeAliasType

from segops_language.documented import Origins
from segops_language.faults import LanguageFault, format_path, split_path
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
    _origins: Origins | None = PrivateAttr(default=None)

    def with_origins(self, origins: Origins) -> Group:
        """Return the same definition, which knows where its parts were sent."""
        copy = self.model_copy()
        copy._origins = origins
        return copy

    def sent_path(self, path: str) -> str:
        """Return the path that a part of the definition had when it was sent; `path` begins at the definition."""
        if self._origins is None:
            return path
        root, keys = split_path(path)
        return format_path(root, self._origins.sent(keys))

    def sent_faults(self, faults: Iterable[LanguageFault]) -> tuple[LanguageFault, ...]:
        """Return the faults with the paths that their parts had when they were sent, each once."""
        return tuple(dict.fromkeys(replace(fault, path=self.sent_path(fault.path)) for fault in faults))
