"""Which log lines reach the terminal."""

import json
from pathlib import Path

from segops_local.cli.terminal import LogFollower


def entry(level: str, message: str) -> str:
    return json.dumps({"level": level, "message": message}) + "\n"


def test_only_new_warnings_are_shown_with_the_name_of_their_process(tmp_path: Path) -> None:
    log = tmp_path / "ingest.sink.log"
    log.write_text(entry("error", "before we looked"))
    follower = LogFollower(tmp_path)
    with log.open("a") as file:
        file.write(entry("info", "quiet") + entry("WARNING", "slow") + "not json\n" + entry("error", "half")[:-5])
    (tmp_path / "auth.api.log").write_text(entry("error", "new file"))
    assert follower.new_lines() == ["auth.api | new file", "ingest.sink | slow"]
    with log.open("a") as file:
        file.write(entry("error", "half")[-5:])
    assert follower.new_lines() == ["ingest.sink | half"]
    assert follower.new_lines() == []


def test_a_full_log_is_started_anew_and_nothing_is_shown_twice(tmp_path: Path) -> None:
    follower = LogFollower(tmp_path, max_bytes=100)
    log = tmp_path / "auth.api.log"
    log.write_text(entry("error", "x" * 200))
    assert len(follower.new_lines()) == 1
    assert (log.stat().st_size, (tmp_path / "auth.api.log.1").stat().st_size > 200) == (0, True)
    with log.open("a") as file:
        file.write(entry("error", "after"))
    assert follower.new_lines() == ["auth.api | after"]
