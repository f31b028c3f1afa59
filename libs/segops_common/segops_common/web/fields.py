"""Fields and base classes of request and response models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict, JsonValue

from segops_common.core.pagination import Page
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.security.tenant_choice import TenantChoice
from segops_common.web.dependencies import MAX_SLUG_CHARS, TENANT_DESCRIPTION, TENANT_SLUG_DESCRIPTION, ListQuery
from segops_language import InstantText, Optional, without_default
from segops_language.model import fault_at

__all__ = ["InstantText", "ListResponse", "Optional", "fault_at", "list_example", "without_default"]
MAX_ID: Final = 2**63 - 1
T = TypeVar("T")
Item = TypeVar("Item")


class ListResponse(BaseModel, Generic[Item]):
    """A page of a list."""

    model_config = ConfigDict(frozen=True)

    count: int | None = Field(description="The length of the list. Null where counting would be slow.")
    next: str | None = Field(description="The path of the next page. Null on the last page.")
    previous: str | None = Field(description="The path of the previous page. Null on the first page and by cursor.")
    results: tuple[Item, ...]
    next_cursor: str | None = Field(description="Pass it as `cursor` to read the next page. Null on the last page.")

    @classmethod
    def of(cls, page: Page[T], query: ListQuery, item_of: Callable[[T], Item]) -> Self:
        """Return the response for a page; `item_of` returns the response for an item."""
        return cls(
            count=page.count,
            next=query.next_link(page.next_cursor),
            previous=query.previous_link,
            results=tuple(map(item_of, page.results)),
            next_cursor=page.next_cursor,
        )


class TenantFields(BaseModel):
    """The fields by which a body names its tenant. A subclass must refuse unknown fields."""

    tenant: Optional[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(default=None, description=TENANT_DESCRIPTION)
    tenant_slug: Optional[Annotated[str, Field(min_length=1, max_length=MAX_SLUG_CHARS)]] = Field(
        default=None, description=TENANT_SLUG_DESCRIPTION
    )

    @property
    def chosen_tenant(self) -> TenantChoice:
        """What the body says about its tenant."""
        return TenantChoice(tenant=self.tenant, slug=self.tenant_slug)

    def tenant_of(self, caller: Principal, *scopes: Scope) -> int:
        """Return the tenant, in which the caller must have the scopes. Raises Forbidden, ValidationFailed."""
        return self.chosen_tenant.required(caller, *scopes)


def list_example(path: str, item: JsonValue, **more: JsonValue) -> ConfigDict:
    """Return the configuration of a list with one page of many, and `more` fields, as its example."""
    # Examples must not contain null: the OpenAPI document drops it.
    example: JsonDict = {
        "count": 250,
        "next": f"{path}?page=3",
        "previous": f"{path}?page=1",
        "results": [item],
        "next_cursor": "WzQyXQ",
        **more,
    }
    return ConfigDict(json_schema_extra={"examples": [example]})
