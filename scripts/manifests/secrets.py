"""`make secrets FOLDER=… [BUCKET=…]`: generates the passwords and keys of an installation with one PostgreSQL, Valkey and ClickHouse.

Each `<name>.env` is the Secret of that name in Kubernetes, and an environment file in compose. Nothing is ever replaced:
the data in the engines depend on it.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scripts.manifests.environment import OPTIONAL_SECRETS, PREFIX, SIGNING_KEY_FILE, secret_of, secret_settings
from scripts.manifests.processes import PROCESSES, Process, processes_of
from segops_local.engines.access import CLICKHOUSE_PROFILES, ClickHouseUser, clickhouse_users, sha256, valkey_users
from segops_local.supervisor.services import SERVICES

POSTGRES_HOST: Final = "postgres"
VALKEY_HOST: Final = "valkey"
CLICKHOUSE_HOST: Final = "clickhouse"
DATABASE: Final = "segops"
ENGINE_FILES: Final = ("postgres.env", "postgres-init.sql", "valkey-users.acl", "clickhouse-users.xml")
_CLICKHOUSE_USERS: Final = {
    ("ingest.api", "clickhouse_url"): "segops_letters",
    ("ingest.sink", "clickhouse_url"): "segops_sink",
    ("membership.api", "clickhouse_url"): "segops_numbering",
    ("membership.api", "clickhouse_reader_url"): "segops_reader",
    ("membership.worker", "clickhouse_url"): "segops_worker",
}
"""By process and setting, the user of ClickHouse as in `deploy/clickhouse/users.toml`. `migrate` signs in as the owner."""
_GENERATED: Final = {"activation_key"}
"""Secrets that a new installation gets, although an older one may be without."""
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


def secret_files(passwords: PasswordSource, *, bucket: str = "") -> dict[str, str]:
    """Return the text of every file by its name. `bucket` is the address of a bucket for exports, if there is one."""
    environments = {f"{name}.env": _environment(values) for name, values in _secrets(passwords).items()}
    return environments | {
        SIGNING_KEY_FILE: _signing_key(),
        "postgres.env": _environment({"POSTGRES_PASSWORD": passwords.of("postgres/postgres"), "POSTGRES_DB": DATABASE}),
        "postgres-init.sql": _postgres_init(passwords),
        "valkey-users.acl": _valkey_users(passwords),
        "clickhouse-users.xml": _clickhouse_users(passwords, bucket),
        "backup.env": _environment(_backup(passwords)),
    }


def write_secrets(folder: Path, *, bucket: str = "") -> None:
    """Write all files into a new folder that only its owner may enter. Raises FileExistsError when there is one."""
    folder.mkdir(mode=0o700, parents=True)
    for name, text in secret_files(Passwords(), bucket=bucket).items():
        file = folder / name
        # Containers read some of them as other users. The folder keeps everybody else out.
        file.touch(mode=0o644)
        file.write_text(text)


def _secrets(passwords: PasswordSource) -> dict[str, dict[str, str]]:
    """Return the variables of each Secret: one for each process, and the token that APIs share."""
    values: dict[str, dict[str, str]] = {}
    for process in PROCESSES:
        for name in _required(process):
            secret = values.setdefault(secret_of(name, process), {})
            secret[name] = _value(name, process.service, _CLICKHOUSE_USERS.get((process.name, name), ""), passwords)
    for service in SERVICES:
        first = processes_of(service)[0]
        for name in _required(first, migrates=True):
            secret = values.setdefault(secret_of(name, first, migrates=True), {})
            secret[name] = _value(name, service, "segops", passwords)
    return {
        secret: {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
        for secret, settings in values.items()
    }


def _required(process: Process, *, migrates: bool = False) -> list[str]:
    return [name for name in secret_settings(process, migrates=migrates) if name not in OPTIONAL_SECRETS - _GENERATED]


def _value(name: str, service: str, clickhouse_user: str, passwords: PasswordSource) -> str:
    match name:
        case "service_token" | "api_key_pepper" | "activation_key" | "suppression_key":
            return passwords.of(name.replace("_", "-"))
        case "postgres_url":
            return _postgres(passwords, f"segops_{service}")
        case "migrate_postgres_url":
            return _postgres(passwords, "segops_owner")
        case "redis_url":
            return f"redis://{_valkey(passwords, service)}/0"
        case "event_log_url":
            return f"valkey://{_valkey(passwords, service)}/1"
        case _:
            return _clickhouse(passwords, clickhouse_user)


def _valkey(passwords: PasswordSource, service: str) -> str:
    return f"segops_{service}:{passwords.of(f'valkey/segops_{service}')}@{VALKEY_HOST}:6379"


def _postgres(passwords: PasswordSource, role: str) -> str:
    return f"postgresql+asyncpg://{role}:{passwords.of(f'postgres/{role}')}@{POSTGRES_HOST}:5432/{DATABASE}"


def _clickhouse(passwords: PasswordSource, user: str) -> str:
    return f"http://{user}:{passwords.of(f'clickhouse/{user}')}@{CLICKHOUSE_HOST}:8123/{DATABASE}"


def _environment(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _backup(passwords: PasswordSource) -> dict[str, str]:
    """Return the variables of `segops backup`, for somebody who reaches the engines by their names."""
    owner = f"postgres:{passwords.of('postgres/postgres')}@{POSTGRES_HOST}:5432"
    memory = f"segops_backup:{passwords.of('valkey/segops_backup')}@{VALKEY_HOST}:6379"
    return {
        "SEGOPS_BACKUP_POSTGRES_URL": f"postgresql://{owner}/{DATABASE}",
        "SEGOPS_BACKUP_CLICKHOUSE_URL": _clickhouse(passwords, "segops"),
        "SEGOPS_BACKUP_REDIS_URL": f"redis://{memory}/0",
    }


def _postgres_init(passwords: PasswordSource) -> str:
    roles = ("segops_owner", "segops_auth", "segops_segments", "segops_membership")
    statements = "".join(f"ALTER ROLE {role} PASSWORD '{passwords.of(f'postgres/{role}')}';\n" for role in roles)
    return (_ROOT / "deploy" / "postgres" / "roles.sql").read_text() + "\n" + statements


def _valkey_users(passwords: PasswordSource) -> str:
    users = valkey_users()
    lines = [f"user {name} on #{sha256(passwords.of(f'valkey/{name}'))} {users.rules(name)}" for name in users.names]
    return "\n".join(["user default off resetpass resetkeys resetchannels -@all", *lines]) + "\n"


def _clickhouse_users(passwords: PasswordSource, bucket: str) -> str:
    users = "".join(
        f"    <{user.name}>\n"
        f"      <password_sha256_hex>{sha256(passwords.of(f'clickhouse/{user.name}'))}</password_sha256_hex>\n"
        "      <networks><ip>::/0</ip></networks>\n"
        f"      <profile>{user.profile}</profile>\n"
        "      <quota>default</quota>\n"
        "      <grants>\n"
        + "".join(f"        <query>GRANT {escape(grant)}</query>\n" for grant in _grants(user, bucket))
        + f"      </grants>\n    </{user.name}>\n"
        for user in clickhouse_users()
    )
    return (
        f"<clickhouse>\n  <profiles>\n{CLICKHOUSE_PROFILES}  </profiles>\n  <users>\n"
        f'    <default remove="remove"/>\n{users}  </users>\n</clickhouse>\n'
    )


def _grants(user: ClickHouseUser, bucket: str) -> list[str]:
    grants = [grant.format(database=DATABASE) for grant in user.grants]
    if bucket:
        pattern = re.escape(bucket.rstrip("/") + "/") + ".*"
        grants += [grant.format(bucket=pattern) for grant in user.bucket_grants]
    return grants


def _bucket(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s'\\?#]+", value):
        raise argparse.ArgumentTypeError("must be the http or https address of a bucket")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or say why not."""
    parser = argparse.ArgumentParser(prog="make secrets", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--bucket", type=_bucket, default="", help="SEGOPS_EXPORTS_URL, if it is a bucket that ClickHouse may write to"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    try:
        write_secrets(folder, bucket=options.bucket)
    except FileExistsError:
        print(f"{folder} must not exist: the data of an installation depend on its secrets. Choose another folder.")
        return 1
    print(f"The secrets are in {folder}. Keep a copy in a safe place: without them, the data cannot be read.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
