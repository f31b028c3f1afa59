"""`segops login`: sign in with a password or a key, and store it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import httpx
import typer

from segops_cli.api.address import base_url, is_loopback
from segops_cli.api.client import Api
from segops_cli.api.login import KeyLogin, Login, SessionLogin
from segops_cli.api.problems import refused, slug_of, unreachable
from segops_cli.bootstrap import checked_key, default_url, key_in_environment, login_store
from segops_cli.clock import calendar
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.output import say, say_json, warn

_TIMEOUT_S = 30


def login(
    url: Annotated[
        str | None, typer.Option(help="Address of the installation. Default: SEGOPS_URL, or this machine.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Sign in with the password of this account.")] = None,
    key: Annotated[bool, typer.Option("--key", help="Sign in with an API key instead of a password.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Id or slug of the tenant, if you belong to several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign in and store the login for this user of the machine.

    The password or the key is asked for, or read from standard input if that is not a terminal.
    """
    if key and (email or tenant):
        raise usage("--key goes with neither --email nor --tenant", "A key belongs to one tenant.")
    address = base_url(url or default_url())
    if address.startswith("http://") and not is_loopback(address):
        warn("warning: the address begins with http://, so your credential is sent without encryption")
    signed_in = _with_key(address) if key else _with_password(address, email, tenant)
    store = login_store()
    store.write(signed_in)
    if as_json:
        say_json({"url": address, "file": str(store.file), **_summary(signed_in)})
        return
    say(f"You are signed in to {address}. The login is in {store.file}.")
    if key_in_environment():
        warn("warning: SEGOPS_API_KEY is set, so other commands use that key and SEGOPS_URL instead of this login")


def _with_key(url: str) -> KeyLogin:
    signed_in = KeyLogin(url=url, api_key=checked_key(_secret("API key")))
    with Api(signed_in, calendar) as api:
        try:
            api.get("/api/segments/", limit=1)
        except CliError as error:
            # A key without the scope for this route is accepted all the same: it may only send events.
            if error.problem is None or slug_of(error.problem) != "insufficient-scope":
                raise
    return signed_in


def _with_password(url: str, email: str | None, tenant: str | None) -> SessionLogin:
    address = email or _answer("Email")
    body = {"email": address, "password": _secret("Password")}
    tokens = _request(url, "POST", "/api/auth/token/", json=body)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = _request(url, "GET", "/api/auth/me/", headers=bearer)
    return SessionLogin(
        url=url,
        email=address,
        tenant=_chosen(me["tenants"], tenant),
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        expires_at=calendar() + tokens["expires_in"],
    )


def _request(url: str, method: str, path: str, **more: Any) -> Any:
    try:
        response = httpx.request(method, f"{url}{path}", timeout=_TIMEOUT_S, **more)
    except httpx.HTTPError as error:
        raise unreachable(url, error) from error
    if not response.is_success:
        raise refused(response)
    try:
        return response.json()
    except ValueError:
        raise refused(response) from None


def _chosen(tenants: list[dict[str, Any]], choice: str | None) -> int:
    """Return the id of the tenant to work in."""
    names = ", ".join(f"{tenant['id']} ({tenant['slug']})" for tenant in tenants) or "none"
    if choice is not None:
        for tenant in tenants:
            if choice in (str(tenant["id"]), tenant["slug"]):
                return int(tenant["id"])
        raise usage(f"you do not belong to the tenant {choice!r}", f"Pass --tenant with one of yours: {names}.")
    if len(tenants) == 1:
        return int(tenants[0]["id"])
    if not tenants:
        raise CliError(
            "Your account belongs to no tenant.",
            ExitCode.ACCESS,
            advice="Ask for an invite, or make one in the console.",
        )
    raise usage("you belong to several tenants", f"Pass --tenant with one of them: {names}.")


def _secret(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(name, hide_input=True, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise usage(f"standard input is empty: its first line must be the {name.replace('Pass', 'pass')}")
    return line


def _answer(name: str) -> str:
    if not sys.stdin.isatty():
        raise usage("--email or --key must be given", "With --key, standard input has the key.")
    return str(typer.prompt(name, err=True))


def _summary(login: Login) -> dict[str, Any]:
    if isinstance(login, KeyLogin):
        return {"kind": "key"}
    return {"kind": "session", "email": login.email, "tenant": login.tenant}
