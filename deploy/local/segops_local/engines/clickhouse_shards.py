"""ClickHouse as a cluster of shards on this machine, for tests: servers that know one another, with the same users."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from segops_local.engines.access import ClickHouseUser
from segops_local.engines.clickhouse import ClickHouseEngine
from segops_local.engines.clickhouse_config import Shard
from segops_local.state.ports import remembered_ports

_PORTS: Final = "shards.json"


def clickhouse_shards(folder: Path, count: int, *, bucket: str | None = None) -> Sequence[ClickHouseEngine]:
    """Return one server with its data in the folder, or the shards of a cluster, the others in `<folder>-2` and so on."""
    if count == 1:
        return [ClickHouseEngine(folder, bucket=bucket)]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [str(number) for number in range(1, count + 1)]
    ports = tuple(remembered_ports(folder / _PORTS, names).values())
    secret = secrets.token_urlsafe(24)
    engines = []
    for index, number in enumerate(names):
        own = folder if index == 0 else folder.with_name(f"{folder.name}-{number}")
        engine = ClickHouseEngine(own, bucket=bucket, shard=Shard(index, ports, secret), passwords=folder)
        if index:
            engine.name, engine.title = f"clickhouse-{number}", f"ClickHouse's shard {number}"
        engines.append(engine)
    return engines


def shard_ports(folder: Path) -> tuple[int, ...]:
    """Return the ports at which the shards of the cluster in the folder reach one another."""
    return tuple(json.loads((folder / _PORTS).read_text()).values())


def shards_url(engines: Sequence[ClickHouseEngine], user: ClickHouseUser | None = None) -> str:
    """Return the address with all shards, for a user, or for the owner of the tables."""
    urls = [engine.url if user is None else engine.url_for(user) for engine in engines]
    hosts = [url.rpartition("@")[2].partition("/")[0] for url in urls]
    login, _, place = urls[0].rpartition("@")
    return f"{login}@{','.join(hosts)}/{place.partition('/')[2]}"
