"""ClickHouse's configuration: one HTTP listener on the loopback address, and users with grants.

Both files are written anew before every start. Passwords are kept in the engine's folder, closed to others.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from segops_local.errors import LocalError
from segops_local.state.folder import write_private
from segops_local.state.ports import HOST

DATABASE = "segops"


@dataclass(frozen=True, slots=True)
class ClickHouseUser:
    """A user of the server. Without `grants` it may do everything. `profile` names its settings."""

    name: str
    profile: str
    grants: tuple[str, ...] = ()


OWNER = ClickHouseUser("segops", profile="default")
WRITER = ClickHouseUser("segops_writer", profile="default", grants=(f"GRANT SELECT, INSERT ON {DATABASE}.*",))
READER = ClickHouseUser("segops_reader", profile="reader", grants=(f"GRANT SELECT ON {DATABASE}.*",))
USERS = (OWNER, WRITER, READER)

# The log level must be given outside of `logger`: clickhouse-local overwrites the one inside.
_CONFIG = """\
<clickhouse>
  <logger>
    <console>true</console>
    <!-- The error of a query goes to its client; the log is about the server. -->
    <levels>
      <logger><name>DynamicQueryHandler</name><level>none</level></logger>
      <logger><name>executeQuery</name><level>none</level></logger>
    </levels>
  </logger>
  <log-level>warning</log-level>
  <path>{data}/</path>
  <users_config>{users}</users_config>
  <listen_host>{host}</listen_host>
  <http_port>{port}</http_port>
  <!-- Longer than any client keeps an idle connection, so that none is closed under a request. -->
  <keep_alive_timeout>600</keep_alive_timeout>
  <!-- The other engines and the services run on the same machine. -->
  <max_server_memory_usage_to_ram_ratio>0.7</max_server_memory_usage_to_ram_ratio>
  <mark_cache_size>268435456</mark_cache_size>
</clickhouse>
"""
# The settings of the profile `default` undo what clickhouse-local changes, so that they are a server's.
# `default` is the user of the query that keeps the server up. Its password must be empty. It may have one session,
# which is taken before the listener opens, so a client cannot sign in as this user.
_USERS = """\
<clickhouse>
  <profiles>
    <default>
      <implicit_select>0</implicit_select>
      <storage_file_read_method>pread</storage_file_read_method>
      <allow_introspection_functions>0</allow_introspection_functions>
      <output_format_arrow_use_native_writer>1</output_format_arrow_use_native_writer>
    </default>
    <reader>
      <readonly>2</readonly>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
    </reader>
    <host><max_sessions_for_user>1</max_sessions_for_user></host>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>{host}</ip></networks>
      <profile>host</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT READ ON FILE</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
{users}
  </users>
</clickhouse>
"""
_USER = """\
    <{name}>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <networks><ip>{host}</ip></networks>
      <profile>{profile}</profile>
      <quota>default</quota>
{grants}    </{name}>"""


def passwords(file: Path) -> dict[str, str]:
    """Return the password of each user by name, generated at the first call. Raises LocalError for a damaged file."""
    if not file.exists():
        write_private(file, json.dumps({user.name: secrets.token_urlsafe(24) for user in USERS}))
    try:
        entries = json.loads(file.read_text())
        return {user.name: str(entries[user.name]) for user in USERS}
    except (ValueError, LookupError, TypeError):
        raise LocalError(f"{file} is damaged: delete it to generate new passwords at the next start.") from None


def write_config(folder: Path, *, data: Path, port: int, passwords: Mapping[str, str]) -> None:
    """Write `config.xml` and `users.xml` into the folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    users = folder / "users.xml"
    entries = "\n".join(_user(user, passwords[user.name]) for user in USERS)
    write_private(users, _USERS.format(host=HOST, users=entries))
    config = _CONFIG.format(data=escape(str(data)), users=escape(str(users)), host=HOST, port=port)
    write_private(folder / "config.xml", config)


def _user(user: ClickHouseUser, password: str) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    queries = "".join(f"        <query>{escape(grant)}</query>\n" for grant in user.grants)
    grants = f"      <grants>\n{queries}      </grants>\n" if queries else ""
    return _USER.format(name=user.name, digest=digest, host=HOST, profile=user.profile, grants=grants)
