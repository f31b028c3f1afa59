"""ClickHouse's configuration: one HTTP listener on the loopback address, and users with grants.

Both files are written anew before every start, and closed to others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from segops_common.stores.clickhouse_address import shard_database
from segops_local.engines.access import CLICKHOUSE_PROFILES, ClickHouseUser, clickhouse_users, sha256
from segops_local.errors import LocalError
from segops_local.state.ports import HOST
from segops_local.state.secrets import write_private

DATABASE = "segops"
CLUSTER = "segops"
USERS = clickhouse_users()
OWNER = USERS[0]
FREE_BYTES = 128 * 1024**2
"""The server writes nothing while less of the disk is free."""

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
  <!-- A merge that meets a full disk may put a part with an empty file of marks in the place of parts that were whole. So
       inserts and merges are refused before the disk is full; they are repeated when there is space again. -->
  <storage_configuration>
    <disks><default><keep_free_space_bytes>{free}</keep_free_space_bytes></default></disks>
  </storage_configuration>
{hosts}{cluster}  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
  </access_control_improvements>
  <!-- A request must name this address and carry a user's name in the header Authorization, which a web page cannot
       set without a preflight. Browsers add Origin, so a request with it is refused. The base64 is the beginning of
       "segops", with which the name of every user begins who may sign in from outside. -->
  <http_handlers>
    <rule>
      <url>/ping</url>
      <methods>GET,HEAD</methods>
      <headers><Origin></Origin><Host>regex:^{pattern}:{port}$</Host></headers>
      <handler><type>ping</type></handler>
    </rule>
    <rule>
      <url>/</url>
      <methods>GET,POST</methods>
      <headers>
        <Origin></Origin>
        <Host>regex:^{pattern}:{port}$</Host>
        <Authorization>regex:^Basic c2Vnb3Bz[A-Za-z0-9+/]+=*$</Authorization>
      </headers>
      <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
    </rule>
    <rule>
      <handler>
        <type>static</type>
        <status>403</status>
        <content_type>text/plain; charset=UTF-8</content_type>
        <response_content>This request must carry a password and come from a program, not from a web page.&#10;</response_content>
      </handler>
    </rule>
  </http_handlers>
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
      <allow_python_table_function>0</allow_python_table_function>
    </default>
{profiles}    <host><max_sessions_for_user>1</max_sessions_for_user></host>
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
_REACHABLE = "  <remote_url_allow_hosts><host>{host}:{port}</host></remote_url_allow_hosts>\n"
_CLUSTER = """\
  <tcp_port>{port}</tcp_port>
  <remote_servers>
    <{name}>
      <secret>{secret}</secret>
{shards}    </{name}>
  </remote_servers>
"""
_SHARD = """\
      <shard><replica><host>{host}</host><port>{port}</port></replica></shard>
"""
_HOST_PATTERN = HOST.replace(".", "[.]")
_USER = """\
    <{name}>
      <password_sha256_hex>{digest}</password_sha256_hex>
      <networks><ip>{host}</ip></networks>
      <profile>{profile}</profile>
      <quota>default</quota>
      <grants>
{grants}      </grants>
    </{name}>"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket for exports, in storage on this machine. Raises LocalError for any other address."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "http" or parts.hostname != HOST or parts.port is None:
            raise LocalError(f"The bucket for exports must be at http://{HOST}:PORT/; its address is {self.url}.")

    @property
    def port(self) -> int:
        """The port of the storage."""
        return urlsplit(self.url).port or 0

    @property
    def pattern(self) -> str:
        """The addresses of files in the bucket, as a regular expression in a grant."""
        return re.escape(self.url.rstrip("/") + "/") + ".*"


@dataclass(frozen=True, slots=True)
class Shard:
    """The place of a server in a cluster on this machine: `index` counts from 0 in `ports`, at which the shards reach one another.

    With the secret, a shard sends the statements of a user to another one, which knows that user.
    """

    index: int
    ports: tuple[int, ...]
    secret: str = field(repr=False)

    @property
    def port(self) -> int:
        """The port at which other shards reach this one."""
        return self.ports[self.index]


def write_config(
    folder: Path,
    *,
    data: Path,
    port: int,
    passwords: Mapping[str, str],
    bucket: Bucket | None = None,
    shard: Shard | None = None,
) -> None:
    """Write `config.xml` and `users.xml` into the folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    users = folder / "users.xml"
    entries = "\n".join(_user(user, passwords[user.name], bucket, shard) for user in USERS)
    write_private(users, _USERS.format(host=HOST, profiles=CLICKHOUSE_PROFILES, users=entries))
    config = _CONFIG.format(
        data=escape(str(data)),
        users=escape(str(users)),
        host=HOST,
        port=port,
        pattern=_HOST_PATTERN,
        free=FREE_BYTES,
        hosts="" if bucket is None else _REACHABLE.format(host=HOST, port=bucket.port),
        cluster="" if shard is None else _cluster(shard),
    )
    write_private(folder / "config.xml", config)


def _cluster(shard: Shard) -> str:
    shards = "".join(_SHARD.format(host=HOST, port=port) for port in shard.ports)
    return _CLUSTER.format(port=shard.port, name=CLUSTER, secret=shard.secret, shards=shards)


def _user(user: ClickHouseUser, password: str, bucket: Bucket | None, shard: Shard | None) -> str:
    databases = (DATABASE,) if shard is None else (DATABASE, shard_database(DATABASE))
    statements = [f"GRANT {grant}" for grant in user.table_grants(databases)]
    if shard is not None:
        statements += [f"GRANT {grant}" for grant in user.cluster_grants]
    if bucket is not None:
        statements += [f"GRANT {grant.format(bucket=bucket.pattern)}" for grant in user.bucket_grants]
    grants = "".join(f"        <query>{escape(statement)}</query>\n" for statement in statements)
    return _USER.format(name=user.name, digest=sha256(password), host=HOST, profile=user.profile, grants=grants)
