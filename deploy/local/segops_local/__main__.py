"""`python -m segops_local`: run the product on this machine, fill it, or delete its data."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import NoReturn

from segops_local.cli.run import run
from segops_local.cli.terminal import print_error, say
from segops_local.errors import LocalError
from segops_local.state.folder import StateFolder
from segops_local.state.ports import HOST
from segops_local.supervisor.engines_only import addresses, running_engines
from segops_local.supervisor.topology import EventLogKind


def main() -> int:
    arguments = _parser().parse_args()
    try:
        arguments.command(arguments)
    except LocalError as error:
        print_error(str(error))
        return 2
    return 0


def _run(arguments: argparse.Namespace) -> None:
    event_log: EventLogKind = "kafka" if arguments.kafka else "valkey"
    asyncio.run(run(state_dir=arguments.state, port=arguments.port, event_log=event_log, builds=arguments.build))


def _demo(arguments: argparse.Namespace) -> None:
    from segops_local.cli.demo import seed  # imported here, because only the demo needs it and it would slow down `run`

    async def show() -> None:
        async for line in seed(f"http://{HOST}:{arguments.port}"):
            say(line)

    asyncio.run(show())


def _reset(arguments: argparse.Namespace) -> None:
    removed = StateFolder(arguments.state).remove()
    say(
        f"Deleted {arguments.state}."
        if removed
        else f"The folder {arguments.state} does not exist; there is nothing to delete."
    )


def _addresses(arguments: argparse.Namespace) -> None:
    say(json.dumps(addresses(arguments.state.resolve())))


def _engines(arguments: argparse.Namespace) -> None:
    async def serve() -> None:
        files = json.loads(sys.stdin.readline() or "{}")
        async with running_engines(arguments.state, files) as engines:
            say(json.dumps(engines))
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(serve())


class _Parser(argparse.ArgumentParser):
    """Refuses wrong arguments in one line."""

    def error(self, message: str) -> NoReturn:
        print_error(message)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m segops_local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    running = commands.add_parser("run", help="start everything and run until Ctrl-C")
    running.add_argument("--kafka", action="store_true", help="keep the event log in Apache Kafka")
    running.add_argument(
        "--no-build",
        dest="build",
        action="store_false",
        help="serve the console and the SDKs as they were built before",
    )
    running.set_defaults(command=_run)
    demo = commands.add_parser("demo", help="create a tenant on the running stack and fill it with generated events")
    demo.set_defaults(command=_demo)
    for command in (running, demo):
        command.add_argument("--port", type=_port, default=8080, help="port of the gateway (default 8080)")
    resetting = commands.add_parser("reset", help="delete the state folder")
    resetting.set_defaults(command=_reset)
    showing = commands.add_parser("addresses", help="print where the engines of a running stack are, with passwords")
    showing.set_defaults(command=_addresses)
    serving = commands.add_parser("engines", help="run the engines of a new folder until standard input ends")
    serving.set_defaults(command=_engines)
    for command in (running, resetting, showing, serving):
        command.add_argument(
            "--state", type=Path, default=Path(".segops"), help="folder for all data (default .segops)"
        )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 65535, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
