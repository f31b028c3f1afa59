"""Command line of the local ClickHouse."""

import argparse
from ipaddress import ip_address
from pathlib import Path

from .server import Options, serve


def _loopback(text: str) -> str:
    if not ip_address(text).is_loopback:
        raise argparse.ArgumentTypeError("only loopback addresses: there are no users and no passwords here")
    return text


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m segops_local.clickhouse", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data; one process at a time")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-queries", type=int, default=16, help="queries that run at once; more wait in order")
    parser.add_argument("--grace", type=int, default=10, help="seconds that running queries get at SIGTERM")
    options = parser.parse_args()
    serve(
        Options(
            data=options.data.absolute(),
            host=options.host,
            port=options.port,
            max_queries=options.max_queries,
            grace_s=options.grace,
        )
    )


if __name__ == "__main__":
    main()
