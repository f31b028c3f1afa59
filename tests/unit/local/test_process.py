"""The line of a log that explains why a program ended."""

import signal
from pathlib import Path

import pytest

from segops_local.processes.host import child_environment
from segops_local.processes.process import Command, Process, failure_line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the log is empty"),
        ("starting\nstopped\n\n", "stopped"),
        ("FATAL: no room\nshutting down\n", "FATAL: no room"),
        ("Traceback\nValueError: bad\n", "ValueError: bad"),
        ("x" * 1_000, "x" * 300),
        (
            '{"level": "error", "message": "Traceback (most recent call last):\\n  at\\nKeyError: 1\\n"}\n'
            '{"level": "error", "message": "Exiting."}\n',
            "KeyError: 1",
        ),
        (
            '{"level": "error", "message": "task failed", "error": "Traceback\\n  at\\nOSError: gone"}\nbye\n',
            "task failed: OSError: gone",
        ),
    ],
)
def test_the_failure_line_is_the_one_that_explains_most(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "log").write_text(text)
    assert failure_line(tmp_path / "log") == words


def test_the_search_starts_at_a_given_byte(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ERROR of yesterday\nfine today\n")
    assert failure_line(tmp_path / "log", 19) == "fine today"
    assert failure_line(tmp_path / "no such log") == "there is no log"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "killed by signal 9"),
        ("echo ERROR of today; kill -6 $$", "killed by signal 6: ERROR of today"),
        ("echo fine today; exit 1", "fine today"),
        ("exit 1", "the log is empty"),
    ],
)
async def test_a_process_names_its_signal_and_its_own_lines(tmp_path: Path, script: str, reason: str) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR of yesterday\n")
    process = Process(Command(argv=["sh", "-c", script], environment=child_environment(), log=log, folder=tmp_path))
    await process.wait()
    assert (process.failure, process.exit_code == -signal.SIGKILL) == (reason, reason.endswith("9"))


def test_a_log_that_was_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ERROR\n")
    assert failure_line(tmp_path / "log", 1_000) == "ERROR"
