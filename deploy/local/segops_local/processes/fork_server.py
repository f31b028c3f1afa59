"""A process that imports modules, then forks for each request on standard input. `forks` starts it.

A request is a length and a JSON object: modules to import, or a program, sent with the descriptors of its stdout and
stderr. Reports go to stdout, a JSON object a line: `{"modules": 4}` when they are imported, `{"pid": 7}` when a child was
made, `{"pid": 7, "status": 0}` when it has ended. The process ends when the other end of standard input is closed, and
then kills its children.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from segops_local.processes.process import child_setup

_PR_SET_NAME = 15


class _Child(Exception):
    """Raised in the new process, with what it shall do."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self.request = request


def serve(control: socket.socket, wakeup: int, running: set[int]) -> None:
    """Answer requests until the other end is closed; raises _Child in each new process."""
    while True:
        ready, _, _ = select.select([control.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(running)
        if control.fileno() in ready:
            header, descriptors, _, _ = socket.recv_fds(control, 4, 2)
            if not header:
                return
            request = json.loads(_exactly(control, int.from_bytes(header)))
            if descriptors:
                running.add(_fork(request, *descriptors))
            else:
                _preload(request["modules"])


def _take_name(name: str) -> None:
    """Take a name for `ps -o comm` and `top`."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def run(request: dict[str, Any]) -> None:
    """Be the program of the request."""
    os.environ.clear()  # house: environment the process becomes another program
    os.environ.update(request["env"])  # house: environment the process becomes another program
    os.chdir(request["cwd"])
    sys.path[1:1] = [path for path in request["env"].get("PYTHONPATH", "").split(os.pathsep) if path]
    if request["arguments"][0] == "-m":
        sys.path[0] = request["cwd"]
        sys.argv = request["arguments"][1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(request["arguments"][0])
        sys.argv = request["arguments"]
        runpy.run_path(sys.argv[0], run_name="__main__")


def _preload(modules: list[str]) -> None:
    """Import, and spare the children the collection of what they share."""
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    _report(modules=len(modules))


def _fork(request: dict[str, Any], stdout: int, stderr: int) -> int:
    setup = child_setup(None)
    pid = os.fork()
    if pid:
        os.close(stdout)
        os.close(stderr)
        _report(pid=pid)
        return pid
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (stdout, stderr):
        if descriptor > 2:
            os.close(descriptor)
    if request.get("detached"):
        os.setsid()
        setup()
        _take_name(".".join(request["arguments"][1:]).removeprefix("segops_"))
    raise _Child(request)


def _report_ended(running: set[int]) -> None:
    for pid in tuple(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            running.discard(pid)
            _report(pid=pid, status=os.waitstatus_to_exitcode(status))


def _report(**report: int) -> None:
    os.write(1, json.dumps(report).encode() + b"\n")


def _exactly(control: socket.socket, length: int) -> bytes:
    body = b""
    while len(body) < length:
        body += control.recv(length - len(body))
    return body


def main() -> None:
    wakeup, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    control = socket.socket(fileno=0)
    running: set[int] = set()
    try:
        serve(control, wakeup, running)
    except _Child as child:
        control.detach()
        os.close(wakeup)
        os.close(wakes)
        request = child.request
    else:
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return
    run(request)


if __name__ == "__main__":
    main()
