"""`segops load`: send generated events, at most so many, so fast and for so long."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from segops_cli.api.address import is_loopback
from segops_cli.api.login import KeyLogin
from segops_cli.api.problems import unreachable
from segops_cli.bootstrap import connected
from segops_cli.commands.options import AsJson
from segops_cli.errors import CliError, ExitCode, usage
from segops_cli.generator import Figures, Generator, Unreachable
from segops_cli.output import say, say_json


def load(
    count: Annotated[int, typer.Option(min=1, max=10_000_000, help="Send at most so many events.")] = 1_000,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Events per second.")] = 200,
    duration: Annotated[float, typer.Option(min=0.1, max=86_400, help="Stop sending after so many seconds.")] = 60,
    users: Annotated[int, typer.Option(min=1, max=10_000_000, help="Number of different users.")] = 100,
    event_type: Annotated[str, typer.Option(help="Type of the events.")] = "load_generated",
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Also send to another machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send generated events to measure an installation. Needs an API key, and sends to this machine only."""
    with connected() as api:
        login = api.login
    if not isinstance(login, KeyLogin):
        raise CliError("Events are sent with an API key.", ExitCode.ACCESS, advice="Sign in with `segops login --key`.")
    if not allow_remote and not is_loopback(login.url):
        raise usage(
            f"{login.url} is not on this machine",
            "The events stay in that tenant. Pass --allow-remote if you may load that installation.",
        )
    generator = Generator(login=login, count=count, rate=rate, duration_s=duration, users=users, event_type=event_type)
    try:
        figures = asyncio.run(generator.run())
    except Unreachable as error:
        raise unreachable(login.url, error.cause) from error
    if as_json:
        say_json(figures.as_json())
    else:
        _show(figures)
    if figures.refused or figures.failed:
        raise typer.Exit(ExitCode.FAILED)


def _show(figures: Figures) -> None:
    say(
        f"{figures.accepted:,} {'event' if figures.accepted == 1 else 'events'} accepted in {figures.seconds:.1f} s: {figures.rate:,.0f} per second."
    )
    say(f"Requests took {figures.percentile(50):.0f} ms (half), {figures.percentile(99):.0f} ms (99 %).")
    if figures.repeated:
        say(f"{figures.repeated:,} requests were repeated because the server asked to wait.")
    if figures.refused or figures.failed:
        say(f"{figures.refused:,} events were refused, {figures.failed:,} were not answered: {figures.reason}")
