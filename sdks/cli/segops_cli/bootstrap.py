"""Connects a command with the environment: which login it uses."""

from __future__ import annotations

from pathlib import Path

from segops_cli.api.address import base_url
from segops_cli.api.client import Api
from segops_cli.api.login import KeyLogin, LoginStore
from segops_cli.clock import calendar
from segops_cli.errors import usage
from segops_cli.settings import read_settings

DEFAULT_URL = "http://127.0.0.1:8080"


def login_store() -> LoginStore:
    """Return where the login is stored."""
    return LoginStore(read_settings().folder)


def default_url() -> str:
    """Return the address for a login without one."""
    return read_settings().url or DEFAULT_URL


def private_authorities() -> Path | None:
    """Return the file with certificates of private authorities."""
    return read_settings().ca_file


def key_in_environment() -> bool:
    """Return whether commands use a key of the environment and not the stored login."""
    return read_settings().api_key is not None


def connected() -> Api:
    """Return the API for the login: a key of the environment, or else the stored one. Raises CliError without one."""
    settings = read_settings()
    if settings.api_key is not None:
        url = base_url(settings.url or DEFAULT_URL)
        return Api(KeyLogin(url=url, api_key=checked_key(settings.api_key)), calendar)
    store = LoginStore(settings.folder)
    login = store.read()
    if settings.url is not None and base_url(settings.url) != login.url:
        raise usage(
            f"SEGOPS_URL is {settings.url}, but you signed in to {login.url}",
            "Unset SEGOPS_URL, set SEGOPS_API_KEY too, or sign in there with `segops login`.",
        )
    return Api(login, calendar, store)


def checked_key(text: str) -> str:
    """Return the key. Raises CliError, which does not quote it, if it cannot be one."""
    key = text.strip()
    if not key.isascii() or not key.isprintable() or " " in key or not key.startswith(("sk_", "pk_")):
        raise usage(
            "the API key must begin with sk_ or pk_ and have no spaces",
            "Pass the key as it was shown when it was created. The console makes keys under Settings, API keys.",
        )
    return key
