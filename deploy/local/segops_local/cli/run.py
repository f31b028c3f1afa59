"""`make run`: the stack in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from segops_common.core.tasks import spawn
from segops_local.artifacts.build import build, build_documentation
from segops_local.artifacts.builder import Builder
from segops_local.cli.account import first_account, next_steps
from segops_local.cli.terminal import LogFollower, say
from segops_local.errors import LocalError
from segops_local.processes.host import chosen_settings
from segops_local.supervisor.local_stack import LocalStack
from segops_local.supervisor.topology import EventLogKind

# A signal to our process group arrives twice: from its sender, and from make, which passes it on.
_ECHO_S = 1.0


async def run(*, state_dir: Path, port: int, event_log: EventLogKind, builds: bool) -> None:
    """Return after an orderly stop. A second signal during the stop kills what still runs. Raises LocalError.

    With `builds`, the console and the SDKs are built meanwhile if their sources have changed.
    """
    env = {"*": chosen_settings()}
    stack = LocalStack(state_dir, port, event_log, env=env, say=say, build=build if builds else None)
    signals = _Signals()
    starting = spawn(_failure_of(stack.start()), name="start")
    try:
        if await signals.first_or(starting):
            await _serve(stack, signals, builds=builds)
    finally:
        await signals.stop_or_kill(stack)
        if stack.has_begun:
            say(f"SegOps has stopped. Its data is in {state_dir}.")


async def _serve(stack: LocalStack, signals: "_Signals", *, builds: bool) -> None:
    tasks = [spawn(LogFollower(stack.state.logs).run(), name="follow the logs")]
    try:
        await _show_next_steps(stack)
        if builds:
            # Only now: the start must not wait for the documentation.
            builder = Builder(say=say, log=stack.state.logs / "build-docs.log")
            tasks.append(spawn(build_documentation(builder, stack.process("gateway")), name="build the documentation"))
        await signals.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _show_next_steps(stack: LocalStack) -> None:
    try:
        account = await first_account(stack.url, stack.state, postgres_url=stack.engine("postgres").url)
        say(next_steps(stack.url, account))
    except LocalError as error:
        say(str(error))
    say(f"Mails arrive here: {stack.mailbox_link}")
    say(f"Metrics for Prometheus: {stack.metrics_url}")
    say(f"SegOps is ready: {stack.url}")


async def _failure_of(start: Coroutine[Any, Any, None]) -> LocalError | None:
    """Return the error as a value: a task that raises would be logged as a fault of this program."""
    try:
        await start
    except LocalError as error:
        return error
    return None


class _Signals:
    """Counts stop signals: the first stops in order, the second kills."""

    def __init__(self) -> None:
        self._first = asyncio.Event()
        self._second = asyncio.Event()
        self._first_at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._received)

    async def wait(self) -> None:
        await self._first.wait()

    async def first_or(self, starting: "asyncio.Task[LocalError | None]") -> bool:
        """Return whether the start completed before the first signal. A cancelled start has cleaned up after itself."""
        signalled = spawn(self._first.wait(), name="first signal")
        await asyncio.wait({starting, signalled}, return_when=asyncio.FIRST_COMPLETED)
        signalled.cancel()
        if starting.done():
            failure = starting.result()
            # A start that fails because it is being stopped is not an error.
            if failure is not None and not self._first.is_set():
                raise failure
            return failure is None
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False

    async def stop_or_kill(self, stack: LocalStack) -> None:
        stopping = spawn(stack.stop(), name="stop")
        signalled = spawn(self._second.wait(), name="second signal")
        await asyncio.wait({stopping, signalled}, return_when=asyncio.FIRST_COMPLETED)
        signalled.cancel()
        if not stopping.done():
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            await stack.kill()

    def _received(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._first.is_set():
            self._first_at = now
            self._first.set()
            say("Stopping. Press Ctrl-C again to kill.")
        elif now - self._first_at > _ECHO_S:
            self._second.set()
