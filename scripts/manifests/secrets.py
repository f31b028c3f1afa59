"""`make secrets FOLDER=…`: generates the passwords and keys of an installation with one PostgreSQL, Valkey and ClickHouse.

Each `<name>.env` is the Secret of that name in Kubernetes, and an environment file in compose. Nothing is ever replaced:
the data in the engines depend on it.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scripts.manifests.environment import PREFIX, SHARED_SECRET, SIGNING_KEY_FILE
from segops_local.engines.access import CLICKHOUSE_PROFILES, clickhouse_users, sha256, valkey_users
from segops_local.supervisor.services import SERVICES

POSTGRES_HOST: Final = "postgres"
VALKEY_HOST: Final = "valkey"
CLICKHOUSE_HOST: Final = "clickhouse"
DATABASE: Final = "segops"
ENGINE_FILES: Final = ("postgres.env", "postgres-init.sql", "valkey-users.acl", "clickhouse-users.xml")
_ROOT: Final = Path(__file__).resolve().parents[2]


class PasswordSource(Protocol):
    """Has one password per user of an engine."""

    def of(self, user: str) -> str:
        """Return the password of a user, such as `postgres/segops_auth`. It needs no quoting in a URL."""
        ...


class Passwords:
    """Makes one password per user of an engine, and remembers it while the files are written."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, user: str) -> str:
        """See `PasswordSource`."""
        return self._known.setdefault(user, secrets.token_urlsafe(24))


def secret_files(passwords: PasswordSource) -> dict[str, str]:
    """Return the text of every file by its name."""
    environments = {f"{name}.env": _environment(values) for name, values in _secrets(passwords).items()}
    return environments | {
        SIGNING_KEY_FILE: _signing_key(),
        "postgres.env": _environment({"POSTGRES_PASSWORD": passwords.of("postgres/postgres"), "POSTGRES_DB": DATABASE}),
        "postgres-init.sql": _postgres_init(passwords),
        "valkey-users.acl": _valkey_users(passwords),
        "clickhouse-users.xml": _clickhouse_users(passwords),
    }


def write_secrets(folder: Path) -> None:
    """Write all files into a new folder that only its owner may enter. Raises FileExistsError when there is one."""
    folder.mkdir(mode=0o700, parents=True)
    for name, text in secret_files(Passwords()).items():
        file = folder / name
        # Containers read some of them as other users. The folder keeps everybody else out.
        file.touch(mode=0o644)
        file.write_text(text)


def _secrets(passwords: PasswordSource) -> dict[str, dict[str, str]]:
    postgres = {service: _postgres(passwords, f"segops_{service}") for service in ("auth", "segments", "membership")}
    redis = {f: f"redis://segops_{f}:{passwords.of(f'valkey/segops_{f}')}@{VALKEY_HOST}:6379/0" for f in SERVICES}
    log = {f: f"valkey://segops_{f}:{passwords.of(f'valkey/segops_{f}')}@{VALKEY_HOST}:6379/1" for f in SERVICES[1:]}
    owner = {"migrate_postgres_url": _postgres(passwords, "segops_owner")}
    warehouse = {"clickhouse_url": _clickhouse(passwords, "segops")}
    named = {
        SHARED_SECRET: {"service_token": passwords.of("service-token")},
        "segops-auth": {
            "api_key_pepper": passwords.of("api-key-pepper"),
            "postgres_url": postgres["auth"],
            "redis_url": redis["auth"],
        },
        "segops-auth-migrate": owner,
        "segops-ingest": {"redis_url": redis["ingest"], "event_log_url": log["ingest"]},
        "segops-ingest-api": {"clickhouse_url": _clickhouse(passwords, "segops_letters")},
        "segops-ingest-sink": {"clickhouse_url": _clickhouse(passwords, "segops_sink")},
        "segops-ingest-migrate": warehouse,
        "segops-segments": {
            "postgres_url": postgres["segments"],
            "redis_url": redis["segments"],
            "event_log_url": log["segments"],
        },
        "segops-segments-migrate": owner,
        "segops-membership": {
            "postgres_url": postgres["membership"],
            "redis_url": redis["membership"],
            "event_log_url": log["membership"],
        },
        "segops-membership-api": {
            "clickhouse_url": _clickhouse(passwords, "segops_numbering"),
            "clickhouse_reader_url": _clickhouse(passwords, "segops_reader"),
        },
        "segops-membership-worker": {"clickhouse_url": _clickhouse(passwords, "segops_worker")},
        "segops-membership-migrate": warehouse | owner,
    }
    return {
        secret: {f"{PREFIX}{name.upper()}": value for name, value in values.items()} for secret, values in named.items()
    }


def _postgres(passwords: PasswordSource, role: str) -> str:
    return f"postgresql+asyncpg://{role}:{passwords.of(f'postgres/{role}')}@{POSTGRES_HOST}:5432/{DATABASE}"


def _clickhouse(passwords: PasswordSource, user: str) -> str:
    return f"http://{user}:{passwords.of(f'clickhouse/{user}')}@{CLICKHOUSE_HOST}:8123/{DATABASE}"


def _environment(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _postgres_init(passwords: PasswordSource) -> str:
    roles = ("segops_owner", "segops_auth", "segops_segments", "segops_membership")
    statements = "".join(f"ALTER ROLE {role} PASSWORD '{passwords.of(f'postgres/{role}')}';\n" for role in roles)
    return (_ROOT / "deploy" / "postgres" / "roles.sql").read_text() + "\n" + statements


def _valkey_users(passwords: PasswordSource) -> str:
    users = valkey_users()
    lines = [f"user {name} on #{sha256(passwords.of(f'valkey/{name}'))} {users.rules(name)}" for name in users.names]
    return "\n".join(["user default off resetpass resetkeys resetchannels -@all", *lines]) + "\n"


def _clickhouse_users(passwords: PasswordSource) -> str:
    users = "".join(
        f"    <{user.name}>\n"
        f"      <password_sha256_hex>{sha256(passwords.of(f'clickhouse/{user.name}'))}</password_sha256_hex>\n"
        "      <networks><ip>::/0</ip></networks>\n"
        f"      <profile>{user.profile}</profile>\n"
        "      <quota>default</quota>\n"
        "      <grants>\n"
        + "".join(f"        <query>GRANT {escape(grant.format(database=DATABASE))}</query>\n" for grant in user.grants)
        + f"      </grants>\n    </{user.name}>\n"
        for user in clickhouse_users()
    )
    return (
        f"<clickhouse>\n  <profiles>\n{CLICKHOUSE_PROFILES}  </profiles>\n  <users>\n"
        f'    <default remove="remove"/>\n{users}  </users>\n</clickhouse>\n'
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or say why not."""
    parser = argparse.ArgumentParser(prog="make secrets", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    try:
        write_secrets(folder)
    except FileExistsError:
        print(f"{folder} must not exist: the data of an installation depend on its secrets. Choose another folder.")
        return 1
    print(f"The secrets are in {folder}. Keep a copy in a safe place: without them, the data cannot be read.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
