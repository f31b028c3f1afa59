"""Which line of a log tells why a program ended, and who its descendants are."""

import os
import subprocess
from pathlib import Path

import pytest

from segops_local.processes.process import descendants, last_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it wrote nothing"),
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
def test_the_last_words_are_the_line_that_tells_most(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "log").write_text(text)
    assert last_words(tmp_path / "log") == words


def test_last_words_may_be_sought_from_a_place_on(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ERROR of yesterday\nfine today\n")
    assert last_words(tmp_path / "log", 19) == "fine today"
    assert last_words(tmp_path / "no such log") == "it wrote no log"


def test_descendants_are_found_over_generations() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 30 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        grandchild = int(shell.stdout.readline())
        assert set(descendants(os.getpid())) >= {shell.pid, grandchild}
        os.kill(grandchild, 9)
