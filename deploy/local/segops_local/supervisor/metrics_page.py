"""`GET /metrics` of the whole stack: the metrics of every process, each sample with the label `process`."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from segops_common.telemetry.definitions import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RULES = Path(__file__).resolve().parents[3] / "observability" / "rules.yaml"
_COMMENT = re.compile(r"# (?:HELP|TYPE) (\S+)")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?")


_CONFIG = """\
# Written at each start. Use it as it is: prometheus --config.file={file}
global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files: [{rules}]
scrape_configs:
  - job_name: segops
    static_configs:
      - targets: [{target}]
"""


def prometheus_config(file: Path, address: str) -> str:
    """Return the configuration of a Prometheus that reads the page at this address, such as `127.0.0.1:21034`."""
    return _CONFIG.format(file=file, rules=json.dumps(str(RULES)), target=json.dumps(address)).rstrip()


def merged(pages: Mapping[str, str | None]) -> str:
    """Return one page of all. The key of a page is the name of its process, and None is a process that does not answer.

    A family is in one piece, as the format demands, with the help text of the first process that exports it.
    """
    up = Metric.PROCESS_UP.value
    families: dict[str, list[str]] = {
        up.name: [
            f"# HELP {up.name} {up.meaning} {up.remedy}",
            f"# TYPE {up.name} {up.kind}",
            *(f'{up.name}{{process="{process}"}} {int(page is not None)}' for process, page in pages.items()),
        ]
    }
    for process, page in pages.items():
        _add(families, process, page or "")
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _add(families: dict[str, list[str]], process: str, page: str) -> None:
    lines: list[str] = []
    earlier = frozenset(families)
    for line in page.splitlines():
        comment = _COMMENT.match(line)
        if comment is None:
            lines.append(_labelled(line, process))
            continue
        lines = families.setdefault(comment[1], [])
        if comment[1] not in earlier:
            lines.append(line)


def _labelled(sample: str, process: str) -> str:
    name = _SAMPLE.match(sample)
    if name is None:
        return sample
    rest = sample[name.end() :]
    label = f'process="{process}"'
    return f"{name[1]}{{{label},{rest}" if name[2] else f"{name[1]}{{{label}}}{rest}"
