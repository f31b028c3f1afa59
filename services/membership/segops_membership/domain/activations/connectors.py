"""What each connector has for settings, and which of them can be stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from segops_membership.domain.activations.activation import HttpRequest, Settings
from segops_membership.domain.activations.addresses import AddressPolicy
from segops_membership.domain.activations.template import check_secret_only, check_template, has_secret, with_secret

MAX_HEADERS: Final = 20
FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "webhook": ("url", "secret", "events"),
    "http": ("url", "secret", "events", "method", "headers", "template", "batch_size"),
    "file": ("format",),
}
"""The names of the settings in `config`, by connector."""
_OF_REQUEST: Final = frozenset({"method", "headers", "template", "batch_size"})
_NAMES: Final = {"format": "file_format"}
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?")
_RESERVED: Final = re.compile(
    r"host|content-length|content-encoding|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|cookie"
    r"|proxy-.*|webhook-.*",
    re.IGNORECASE,
)
_CREDENTIALS: Final = re.compile(r"authorization|.*(api-?key|token|secret|password).*", re.IGNORECASE)
_JSON: Final = re.compile(r"application/([a-z0-9.+-]+\+)?json\b.*", re.IGNORECASE)


class SettingFault(Exception):
    """A setting cannot be stored. `detail` says what must hold."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path} {detail}")
        self.path = path
        self.detail = detail


def with_config(settings: Settings, connector: str, config: Mapping[str, Any]) -> Settings:
    """Return settings with changed values of `config`. Raises SettingFault for one that the connector does not have."""
    for name in config:
        if name not in FIELDS[connector]:
            raise SettingFault(f"config.{name}", f"must be left out: the connector is `{connector}`")
    plain = {_NAMES.get(name, name): value for name, value in config.items() if name not in _OF_REQUEST}
    of_request = {name: value for name, value in config.items() if name in _OF_REQUEST}
    request = None if settings.request is None else replace(settings.request, **of_request)
    return replace(settings, **plain, request=request)


def check_new_host(settings: Settings, former: Settings, config: Mapping[str, Any]) -> None:
    """Raise SettingFault for a new host that would get the stored secret: who may change an activation need not know it."""
    new, old = urlsplit(settings.url), urlsplit(former.url)
    is_elsewhere = (new.scheme, new.netloc) != (old.scheme, old.netloc)
    if settings.request is not None and former.secret and is_elsewhere and "secret" not in config:
        raise SettingFault("config.secret", "must be sent again: the address has another host")


def check_settings(settings: Settings, policy: AddressPolicy) -> None:
    """Raise SettingFault unless requests may be sent as the settings say."""
    request = settings.request
    if settings.file_format is not None:
        if settings.consent is not None:
            raise SettingFault(
                "consent", "must be left out: a file has every member, so add the consent to the rules of the segment"
            )
        return
    if request is not None:
        with _fault_at("url"):
            _check_address(settings.url)
        with _fault_at("headers"):
            _check_headers(request.headers)
        with _fault_at("template"):
            check_template(request.template)
        with _fault_at("secret"):
            _check_secret(settings, request)
    with _fault_at("url"):
        policy.check_url(address_of(settings))


def address_of(settings: Settings) -> str:
    """Return where requests go, with the secret in the place of its name."""
    if settings.request is None:
        return settings.url
    return with_secret(settings.url, quote(settings.secret or "", safe="/"))


def without_secret(text: str, settings: Settings) -> str:
    """Return what a receiver answered, without the secret that it may repeat."""
    if settings.request is None or not settings.secret:
        return text
    return text.replace(settings.secret, "***")


@contextmanager
def _fault_at(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise SettingFault(f"config.{name}", str(error)) from error


def _check_address(url: str) -> None:
    check_secret_only(url)
    try:
        host = urlsplit(url).netloc
    except ValueError as error:
        raise ValueError("must be a URL") from error
    if has_secret([host]):
        raise ValueError("must not have the secret in its host")


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"must have at most {MAX_HEADERS} entries")
    if len({name.lower() for name, _ in headers}) < len(headers):
        raise ValueError("must have each name once, whatever its case")
    for name, value in headers:
        _check_header(name, value)


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("must have names of header fields")
    if _RESERVED.fullmatch(name):
        raise ValueError(f"must not have `{name}`")
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"must have 1 to 1,000 characters of ASCII as `{name}`, without spaces around them")
    check_secret_only(value)
    if _CREDENTIALS.fullmatch(name) and not has_secret([value]):
        raise ValueError(f"must have `{{{{secret}}}}` in `{name}`: only the secret is stored encrypted")
    if name.lower() == "content-type" and not _JSON.fullmatch(value):
        raise ValueError("must have a type of JSON as `Content-Type`")


def _check_secret(settings: Settings, request: HttpRequest) -> None:
    is_named = has_secret((settings.url, *(value for _, value in request.headers), *_texts(request.template)))
    if is_named and not settings.secret:
        raise ValueError("required: `{{secret}}` is named")
    if settings.secret is not None and not _HEADER_VALUE.fullmatch(settings.secret):
        raise ValueError("must have 1 to 1,000 characters of ASCII, without spaces around them")


def _texts(template: Any) -> Iterable[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for key, item in template.items():
            yield key
            yield from _texts(item)
    elif isinstance(template, list):
        for item in template:
            yield from _texts(item)
