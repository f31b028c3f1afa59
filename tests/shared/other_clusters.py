"""Clusters in ClickHouse's configuration besides the one that the servers are made for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segops_local.engines import ClickHouseEngine
from segops_local.state.ports import HOST


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A shard in `remote_servers`, with the ports of its replicas."""

    ports: tuple[int, ...]
    weight: int = 1

    def __str__(self) -> str:
        replicas = "".join(f"<replica><host>{HOST}</host><port>{port}</port></replica>" for port in self.ports)
        return f"<shard><weight>{self.weight}</weight>{replicas}</shard>"


def add_clusters(engines: Sequence[ClickHouseEngine], clusters: Mapping[str, Sequence[ShardEntry]]) -> None:
    """Add clusters by name. The servers read them when they start."""
    secret = f"<secret>{secrets.token_urlsafe(24)}</secret>"
    entries = "".join(f"<{name}>{secret}{''.join(map(str, shards))}</{name}>" for name, shards in clusters.items())
    for engine in engines:
        folder = engine.state_dir / "config" / "config.d"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = f"<clickhouse><remote_servers>{entries}</remote_servers></clickhouse>"
        (folder / "clusters.xml").write_text(text)
