"""The line of a log that explains why a program ended."""

from pathlib import Path

import pytest

from segops_local.processes.process import failure_line


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
