"""The users of the engines, from the files that every deployment shares."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPTS = ("eval", "evalsha")
_DEPLOY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class ClickHouseUser:
    """A user of ClickHouse. `profile` names its settings; `{database}` in the grants stands for the database."""

    name: str
    profile: str
    grants: tuple[str, ...]


def clickhouse_users(file: Path = _DEPLOY / "clickhouse" / "users.toml") -> tuple[ClickHouseUser, ...]:
    """Return the users of ClickHouse, the owner first."""
    rows = tomllib.loads(file.read_text())
    return tuple(ClickHouseUser(name, row["profile"], tuple(row["grants"])) for name, row in rows.items())


@dataclass(frozen=True, slots=True)
class ValkeyUsers:
    """The users of the services, and the rules that every one of them gets."""

    rows: Mapping[str, Mapping[str, Any]]
    everyone: Mapping[str, Any]
    log: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def rules(self, name: str) -> str:
        """Return the user's rules as `ACL SETUSER` takes them, without the password.

        A rule in parentheses applies on its own: its commands may use its keys and no others.
        """
        row = self.rows[name]
        topics = [(kind, topic) for kind in ("appends", "consumes", "watches") for topic in row.get(kind, ())]
        partitions = [f"({_rule(self.log['topics']['keys'], self.log['topics']['commands'])})"] if topics else []
        commands = (*self.everyone["commands"], *row["commands"])
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
    return ValkeyUsers(rows=table["users"], everyone=table["everyone"], log=table["log"])


def sha256(password: str) -> str:
    """Return the digest that an engine keeps in place of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def _rule(keys: Sequence[str], commands: Iterable[str]) -> str:
    return " ".join([*(f"~{key}" for key in keys), "-@all", *(f"+{command}" for command in commands)])
