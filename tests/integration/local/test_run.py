"""`make run` from a terminal: ready in one line, commands to copy, Ctrl-C, and all data still there at the next start."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from segops_local.state.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
SHELL = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
"""The environment of a terminal: `make test` tells a make within it to print where it enters and leaves."""
SECOND_START_IMPORTS = 10
"""Processor time of a second start, as a multiple of that of importing one service. Measured: 7.2 to 7.4."""


class Run:
    """`make run` in a process group of its own, as a terminal gives it; what it prints is kept."""

    def __init__(self, state: Path, port: int) -> None:
        self.lines: list[str] = []
        # The environment is there already: SETUP=: and BUILD=0 keep the test from changing it.
        self.process = subprocess.Popen(
            ["make", "run", "SETUP=:", "BUILD=0", f"PORT={port}", f"STATE={state}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=SHELL | {"SEGOPS_ACTIVATION_NETWORKS": "127.0.0.0/8"},
        )

    def until_ready(self) -> None:
        """Read on until the line came."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("SegOps is ready: "):
                return
        raise AssertionError("it ended before it was ready:\n" + "\n".join(self.lines))

    def processor_seconds(self) -> float:
        """Of everything it started, as far as it still runs."""
        times = [process.cpu_times() for process in psutil.Process(self.process.pid).children(recursive=True)]
        return sum(time.user + time.system for time in times)

    def press_ctrl_c(self) -> str:
        """What it printed on its way out."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=300)
        return rest


def import_seconds() -> float:
    """Of a processor, for a process that does nothing but import a service."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import segops_membership.app"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def running(state: Path, port: int) -> Iterator[Run]:
    run = Run(state, port)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
        if run.process.stdout is not None:
            run.process.stdout.close()


def left_of(state: Path) -> list[str]:
    commands = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(state) in command or process.cwd().startswith(str(state)):
                commands.append(command)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return commands


def wait_for_end_of_all(state: Path) -> None:
    deadline = time.monotonic() + 30
    while left := left_of(state):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def run_printed(commands: Sequence[str]) -> str:
    """Run the commands in one shell, as a reader who copies them all; return what the last one prints."""
    script = "\n".join([*commands[:-1], "printf '\\n'", commands[-1]])
    process = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, f"{script}\n{process.stdout}{process.stderr}"
    return process.stdout.splitlines()[-1]


def run_readme(url: str) -> str:
    """Run the quickstart of the README as it is printed; return the output of all commands."""
    section = (ROOT / "README.md").read_text().partition("## Quickstart with curl")[2].partition("From a program")[0]
    commands = re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    strict = 'set -e -o pipefail; curl() { command curl -sS --fail-with-body "$@"; }'
    script = "\n".join([strict, *commands]).replace("http://127.0.0.1:8080", url)
    process = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, f"{script}\n{process.stdout}{process.stderr}"
    return process.stdout


def mail_to(address: str, lines: Sequence[str], url: str) -> str:
    """Open the printed page of mails as a browser does, until a mail to the address is there; return its link."""
    (page,) = [line.removeprefix("Mails arrive here: ") for line in lines if line.startswith("Mails arrive here: ")]
    deadline = time.monotonic() + 30
    with httpx.Client(follow_redirects=True) as browser:
        while address not in (shown := browser.get(page)).text:
            assert time.monotonic() < deadline, shown.text
            time.sleep(0.1)
        assert "token" not in str(shown.url)
        assert httpx.get(f"{url}/dev/mail/").status_code == 401
    article = shown.text.partition(address)[2].partition("</article>")[0]
    (link,) = re.findall(r'href="([^"]*)"', article)
    return str(link)


def check_networks(url: str, key: str) -> None:
    """An activation may send to the networks that the caller of `make run` names, and to no others."""
    with httpx.Client(base_url=url, headers={"Authorization": f"ApiKey {key}"}) as client:
        segment = client.get("/api/segments/").json()["results"][0]["id"]
        body = {"segment": segment, "connector_type": "webhook"}
        for address, status in (("http://127.0.0.1:8000/hook", 201), ("http://10.0.0.1:8000/hook", 422)):
            answer = client.post("/api/activations/", json=body | {"config": {"url": address}})
            assert answer.status_code == status, answer.text


def test_a_wrong_port_is_refused_in_one_line(state: Path) -> None:
    process = subprocess.run(
        ["make", "-s", "run", "SETUP=:", "BUILD=0", "PORT=abc", f"STATE={state}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=SHELL,
    )
    lines = [line for line in process.stderr.splitlines() if not line.startswith("make")]
    assert lines == ["argument --port: must be a number between 0 and 65535, not 'abc'"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "state"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def test_make_run_prints_commands_that_work_and_ctrl_c_leaves_nothing(state: Path, port: int) -> None:
    with running(state, port) as run:
        run.until_ready()
        assert run.lines[-1] == f"SegOps is ready: http://127.0.0.1:{port}"
        commands = [line.strip() for line in run.lines if line.startswith("  ")]
        membership = json.loads(run_printed(commands))
        assert (membership["user_id"], len(membership["segment_ids"])) == ("user-123", 1)
        output = run_readme(f"http://127.0.0.1:{port}")
        assert '"tenant":{"id":1,' in output
        assert re.search(r'"user_id":"user-123","segment_ids":\[\d+\]', output)
        url = f"http://127.0.0.1:{port}"
        link, _, token = mail_to("you@example.com", run.lines, url).partition("?token=")
        assert link == f"{url}/verify-email"
        assert httpx.post(f"{url}/api/auth/email/verify/", json={"token": token}).status_code == 204
        output = run.press_ctrl_c()
    assert output.splitlines()[-1] == f"SegOps has stopped. Its data is in {state}."
    assert "***" not in output  # make reported no error
    assert "Traceback" not in output
    assert left_of(state) == []
    assert oct(os.stat(state / "account.json").st_mode & 0o777) == "0o600"


def test_the_second_start_is_quick_and_shows_the_same_key(state: Path, port: int) -> None:
    first_key = re.findall(r"sk_live_\w+", (state / "account.json").read_text())
    with running(state, port) as run:
        run.until_ready()
        assert run.processor_seconds() < SECOND_START_IMPORTS * import_seconds()
        text = "\n".join(run.lines)
        assert text.count("SegOps is ready") == 1
        assert set(re.findall(r"sk_live_\w+", text)) == set(first_key)
        check_networks(f"http://127.0.0.1:{port}", first_key[0])
        with running(state, free_port()) as second:
            refusal, _ = second.process.communicate(timeout=300)
            assert "is in use by another SegOps" in refusal
            assert "has stopped" not in refusal
        assert run.process.stdout is not None
        run.process.stdout.close()  # the terminal is closed, or what read the output has ended
        run.process.terminate()  # SIGTERM to make alone, as a service manager does
        run.process.wait(timeout=300)
    wait_for_end_of_all(state)


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(state: Path, port: int) -> None:
    with running(state, port) as run:
        assert run.process.stdout is not None
        for line in run.process.stdout:
            run.lines.append(line)
            if line.startswith("Starting"):
                break
        assert "Traceback" not in run.press_ctrl_c()
    assert left_of(state) == []


def test_a_killed_supervisor_takes_everything_with_it(state: Path, port: int) -> None:
    with running(state, port) as run:
        run.until_ready()
        os.killpg(run.process.pid, signal.SIGKILL)
    wait_for_end_of_all(state)
