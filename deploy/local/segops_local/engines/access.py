"""The users of the engines, from the files that every deployment shares."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPTS = ("eval", "evalsha")
_DEPLOY = Path(__file__).resolve().parents[3]
CLICKHOUSE_PROFILES = """\
    <!-- The grants do not refuse a table on a disk of its statement, such as disk(type = s3, ...). -->
    <owner><constraints><merge_tree_disk><const/></merge_tree_disk></constraints></owner>
    <writer/>
    <reader>
      <readonly>2</readonly>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage>4294967296</max_memory_usage>
      <constraints>
        <max_execution_time><min>0.001</min><max>60</max></max_execution_time>
        <max_memory_usage><min>1</min><max>4294967296</max></max_memory_usage>
        <cancel_http_readonly_queries_on_client_close><const/></cancel_http_readonly_queries_on_client_close>
      </constraints>
    </reader>
"""
"""The settings that the `profile` of a user names, in ClickHouse's XML."""


@dataclass(frozen=True, slots=True)
class ClickHouseUser:
    """A user of ClickHouse. `profile` names its settings; `{database}` in the grants stands for the database.

    `bucket_grants` are added where exports go to a bucket; `{bucket}` stands for a regular expression of its addresses.
    `cluster_grants` are added on a cluster of shards.
    """

    name: str
    profile: str
    grants: tuple[str, ...]
    bucket_grants: tuple[str, ...] = ()
    cluster_grants: tuple[str, ...] = ()

    def table_grants(self, databases: Iterable[str]) -> list[str]:
        """Return the grants for tables of these databases, each grant once."""
        names = list(databases)
        return list(dict.fromkeys(grant.format(database=name) for grant in self.grants for name in names))


def clickhouse_users(file: Path = _DEPLOY / "clickhouse" / "users.toml") -> tuple[ClickHouseUser, ...]:
    """Return the users of ClickHouse, the owner first."""
    rows = tomllib.loads(file.read_text())
    return tuple(
        ClickHouseUser(
            name,
            row["profile"],
            tuple(row["grants"]),
            tuple(row.get("bucket_grants", ())),
            tuple(row.get("cluster_grants", ())),
        )
        for name, row in rows.items()
    )


@dataclass(frozen=True, slots=True)
class ValkeyUsers:
    """The users of the services, and the rules that every one of them gets."""

    rows: Mapping[str, Mapping[str, Any]]
    everyone: Mapping[str, Any]
    cluster: Mapping[str, Any]
    log: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def rules(self, name: str, *, on_cluster: bool = False) -> str:
        """Return the user's rules as `ACL SETUSER` takes them, without the password.

        A rule in parentheses applies on its own: its commands may use its keys and no others.
        """
        row = self.rows[name]
        topics = [(kind, topic) for kind in ("appends", "consumes", "watches") for topic in row.get(kind, ())]
        partitions = [f"({_rule(self.log['topics']['keys'], self.log['topics']['commands'])})"] if topics else []
        commands = (*self.everyone["commands"], *row["commands"], *(self.cluster["commands"] if on_cluster else ()))
        channels = [f"&{channel}" for channel in row["channels"]]
        return " ".join(
            [_rule(row["keys"], commands), *channels, *partitions, *(self._selector(*topic) for topic in topics)]
        )

    def _selector(self, kind: str, topic: str) -> str:
        part = self.log[kind]
        keys = [key.replace("{topic}", topic) for key in part["keys"]]
        return f"({_rule(keys, (*_SCRIPTS, *part['commands']))})"


def valkey_users(file: Path = _DEPLOY / "valkey" / "users.toml") -> ValkeyUsers:
    """Return the users of Valkey that services sign in as."""
    table = tomllib.loads(file.read_text())
    return ValkeyUsers(rows=table["users"], everyone=table["everyone"], cluster=table["cluster"], log=table["log"])


def sha256(password: str) -> str:
    """Return the digest that an engine keeps in place of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def _rule(keys: Sequence[str], commands: Iterable[str]) -> str:
    return " ".join([*(f"~{key}" for key in keys), "-@all", *(f"+{command}" for command in commands)])
