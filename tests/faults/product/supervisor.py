"""The supervisor of the product under test, in a process of its own: `supervisor.py <state folder> <environment as JSON>`.

It prints `up` when everything answers, and stops in good order when its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from segops_local.supervisor.local_stack import LocalStack

RESTART_MAX_DELAY_S = 1.0
UP = b"up\n"


def say(line: str) -> None:
    """Write a line to the log of the supervisor."""
    sys.stderr.write(f"{line}\n")


async def main(state: Path, env: dict[str, dict[str, str]]) -> None:
    """Run the product until standard input ends."""
    stack = LocalStack(state, env=env, restart_max_delay_s=RESTART_MAX_DELAY_S, say=say)
    await stack.start()
    sys.stdout.write(UP.decode())
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await stack.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
