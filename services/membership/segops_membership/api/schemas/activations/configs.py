"""The settings of connectors, in requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.config import JsonDict

from segops_common.web.fields import Optional
from segops_language.model import Items
from segops_membership.api.schemas.bases import RequestBody, Response
from segops_membership.domain.activations.activation import EventName, HttpRequest, Settings
from segops_membership.domain.activations.addresses import MAX_URL_CHARS

HIDDEN_SECRET: Final = "***"
"""Stands for a stored secret. Sent back, it leaves the secret as it is."""
CONFIG_EXAMPLE: Final[JsonDict] = {
    "url": "https://hooks.example.com/segops",
    "secret": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0",
    "events": ["segment.recomputed", "segment.entered", "segment.exited"],
}
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARS, description="Begins with `https://`.")]
Secret = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1_000,
        description="Signs requests; with the connector `http`, the value of `{{secret}}`. Shown as `***`, which leaves it as"
        " it is when it is sent back; null removes it.",
    ),
]
Events = Annotated[
    Items[Literal["segment.recomputed", "segment.entered", "segment.exited"]],
    Field(min_length=1, max_length=3, description="What is sent."),
]
Method = Annotated[Literal["POST", "PUT", "PATCH"], Field(description="The method of requests.")]
Headers = Annotated[
    dict[str, str],
    Field(
        max_length=20,
        description="Headers of requests. Values may contain `{{secret}}`, and credentials must: nothing else is encrypted.",
    ),
]
Template = Annotated[
    dict[str, JsonValue],
    Field(
        description='The body of requests, whose strings may name values: `{{user_ids}}`, `{{segment_name}}` and others. `{"{{#users}}":'
        " …}` is a list with an item for each user."
    ),
]
FileFormat = Annotated[Literal["csv", "parquet"], Field(description="The format of the file.")]
BatchSize = Annotated[int, Field(ge=1, le=500, description="Users in a request, at most.")]


class WebhookConfig(RequestBody):
    """The receiver of a webhook."""

    url: Url
    secret: Secret | None = None
    events: Optional[Events] = ("segment.recomputed",)

    def settings(self) -> Settings:
        """Return the settings."""
        return Settings(
            url=self.url,
            secret=self.secret,
            events=tuple(map(EventName, self.events or ("segment.recomputed",))),
        )


class HttpConfig(RequestBody):
    """Where requests go, and what they look like."""

    url: Url
    method: Optional[Method] = "POST"
    headers: Optional[Headers] = Field(default_factory=dict)
    template: Template
    batch_size: Optional[BatchSize] = 500
    secret: Secret | None = None
    events: Optional[Events] = ("segment.entered", "segment.exited")

    def settings(self) -> Settings:
        """Return the settings."""
        return Settings(
            url=self.url,
            secret=self.secret,
            events=tuple(map(EventName, self.events or ("segment.entered", "segment.exited"))),
            request=HttpRequest(
                method=self.method or "POST",
                headers=tuple((self.headers or {}).items()),
                template=self.template,
                batch_size=self.batch_size or 500,
            ),
        )


class FileConfig(RequestBody):
    """The file with all members that each complete run writes: an export, which is kept for 24 hours."""

    format: FileFormat

    def settings(self) -> Settings:
        """Return the settings."""
        return Settings(events=(), file_format=self.format)


_CONFIGS: Final[Mapping[str, type[WebhookConfig] | type[HttpConfig] | type[FileConfig]]] = {
    "webhook": WebhookConfig,
    "http": HttpConfig,
    "file": FileConfig,
}


def _of_connector(value: Any, _handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Read `config` as the connector says, so that faults are its own only. Of a connector that is refused, there are none."""
    config = _CONFIGS.get(str(info.data.get("connector_type")))
    return value if config is None else config.model_validate(value)


ConnectorConfig = Annotated[WebhookConfig | HttpConfig | FileConfig, WrapValidator(_of_connector)]


class ConfigChange(RequestBody):
    """What changes of the settings of the connector. Settings of other connectors are refused."""

    url: Optional[Url] = Field(default=None)
    secret: Secret | None = None
    events: Optional[Events] = Field(default=None)
    method: Optional[Method] = Field(default=None)
    headers: Optional[Headers] = Field(default=None)
    template: Optional[Template] = Field(default=None)
    batch_size: Optional[BatchSize] = Field(default=None)
    format: Optional[FileFormat] = Field(default=None)

    def changes(self) -> dict[str, Any]:
        """Return what changes, by name."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        if self.events is not None:
            values["events"] = tuple(map(EventName, self.events))
        if self.headers is not None:
            values["headers"] = tuple(self.headers.items())
        if self.secret == HIDDEN_SECRET:
            del values["secret"]
        return values


class WebhookConfigRead(Response):
    """The receiver of a webhook, without its secret."""

    url: str
    secret: str | None = Field(description="`***` if requests are signed.")
    events: tuple[str, ...]


class HttpConfigRead(Response):
    """Where requests go, and what they look like, without the secret."""

    url: str
    method: str
    headers: dict[str, str]
    template: dict[str, JsonValue]
    batch_size: int
    secret: str | None = Field(description="`***` if there is one.")
    events: tuple[str, ...]


class FileConfigRead(Response):
    """The file with all members that each complete run writes."""

    format: str


AnyConfigRead = WebhookConfigRead | HttpConfigRead | FileConfigRead


def config_of(settings: Settings) -> AnyConfigRead:
    """Return the response for the settings of a connector."""
    if settings.file_format is not None:
        return FileConfigRead(format=settings.file_format)
    secret = None if settings.secret is None else HIDDEN_SECRET
    events = tuple(event.value for event in settings.events)
    request = settings.request
    if request is None:
        return WebhookConfigRead(url=settings.url, secret=secret, events=events)
    return HttpConfigRead(
        url=settings.url,
        method=request.method,
        headers=dict(request.headers),
        template=request.template,
        batch_size=request.batch_size,
        secret=secret,
        events=events,
    )
