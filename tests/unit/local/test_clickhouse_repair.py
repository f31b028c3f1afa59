"""A token whose part was lost in a kill is revoked; every other token stays."""

from pathlib import Path

import pytest

from segops_local.engines.clickhouse_repair import forget_tokens_without_parts

ADDED = "1\tall_1_1_0\ta\n1\tall_2_2_0\tb\n1\tall_3_3_0\tc\n"


@pytest.mark.parametrize(
    ("log", "parts", "added"),
    [
        (ADDED, ["all_1_2_1", "all_3_3_0"], ""),
        (ADDED, ["all_1_2_1", "tmp_insert_all_3_3_0"], "2\tall_3_3_0\tc\n"),
        (ADDED, ["all_1_3_1_7"], ""),
        (ADDED, ["202601_1_3_1"], "2\tall_1_1_0\ta\n2\tall_2_2_0\tb\n2\tall_3_3_0\tc\n"),
        (ADDED + "2\tall_3_3_0\tc\n", ["all_1_2_1"], ""),
        (ADDED + "1\tall_4_4", ["all_1_3_1"], ""),
    ],
)
def test_tokens_without_parts_are_revoked(tmp_path: Path, log: str, parts: list[str], added: str) -> None:
    table = tmp_path / "store" / "abc" / "abc-def"
    for name in ["deduplication_logs", *parts]:
        (table / name).mkdir(parents=True)
    file = table / "deduplication_logs" / "deduplication_log_1.txt"
    file.write_text(log)
    forget_tokens_without_parts(tmp_path)
    assert file.read_text() == log[: log.rfind("\n") + 1] + added
