"""Configuration of membership, read from SEGOPS_* environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import (
    ClickHouseUrl,
    ClusterName,
    LongSecret,
    Networks,
    PerMinute,
    PostgresSettings,
    StreamServiceSettings,
)
from segops_membership.adapters.activating import ActivationAccess

MIN_SECRET: Final = 32


def _long(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < MIN_SECRET:
        raise ValueError(f"must have at least {MIN_SECRET} characters")
    return secret


def _named_addresses(value: object) -> object:
    if not isinstance(value, str):
        return value
    named = (part.partition("=") for part in value.split(",") if part.strip())
    return {name.strip(): address.strip() for name, _, address in named}


class Settings(PostgresSettings, StreamServiceSettings):
    """What membership needs beyond the settings that services share."""

    needs: ClassVar[Mapping[str, Sequence[str]]] = {
        "api": ("postgres_url", "redis_url", "event_log_url", "clickhouse_url", "auth_url", "service_token"),
        "worker": ("postgres_url", "redis_url", "event_log_url", "clickhouse_url"),
        "migrate": ("migrate_postgres_url", "event_log_url", "clickhouse_url"),
    }

    clickhouse_url: ClickHouseUrl = ""
    clickhouse_cluster: ClusterName = "segops"
    """The name of the cluster in `remote_servers`, if the address names several shards. Only `migrate` reads it."""
    lookups_per_key: PerMinute = 600_000
    """Lookups per API key or user and minute, and as many at once."""
    lookups_per_tenant: PerMinute = 1_200_000
    analyses_per_key: PerMinute = 600
    """Previews, plans, overlaps and explanations per API key or user and minute, and as many at once."""
    analyses_per_tenant: PerMinute = 1_200
    clickhouse_reader_url: ClickHouseUrl = ""
    """The address for a user who may only read, whose statements end with their callers; `clickhouse_url` if unset."""
    tenant_lease_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How long a tenant waits for another worker after its own has died. A lease is renewed every third of it."""
    ingest_wait_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    """How long a run waits until the events acknowledged before it are stored. Then it goes on, as an incomplete run."""
    service_addresses: Annotated[Mapping[str, str], NoDecode, BeforeValidator(_named_addresses)] = {}
    """The processes that `/api/status/` asks: `auth.api=http://host:port` and so on, separated by commas. `segments.api` also
    counts runs."""
    evaluation_memory_bytes: Annotated[int, Field(ge=16 * 1024**2)] = 4 * 1024**3
    """Memory that one statement of a run may take in ClickHouse; a larger query is split by user key."""

    suppression_key: LongSecret = SecretStr("")
    """The key of the hashes by which erased people are known: the same for ingest and membership, and never changed. Without it,
    nobody can be erased."""
    exports_url: str = ""
    """Where the files of exports are: `file:///folder`, which the API and the worker share, or the address of a bucket of
    S3-compatible storage, which needs a key. Without it, exports are refused."""
    exports_access_key_id: str = ""
    exports_secret_access_key: SecretStr = SecretStr("")
    exports_region: str = "us-east-1"

    activation_key: Annotated[SecretStr, AfterValidator(_long)] = SecretStr("")
    """Encrypts the secrets of activations, at least 32 characters, the same for all processes: never change it. Without it,
    activations are refused."""
    activation_networks: Networks = ()
    """Networks besides public addresses to which activations may send, such as `10.0.0.0/8`, also over `http://`. Tenants reach
    everything in them."""

    @model_validator(mode="after")
    def _exports_have_a_place(self) -> Self:
        if self.exports_url and not self.exports_url.startswith(("file:///", "https://", "http://")):
            raise ValueError("SEGOPS_EXPORTS_URL must be `file:///folder`, or the http or https address of a bucket")
        return self

    @property
    def exports_key(self) -> tuple[str, str]:
        """The id and the secret of the key of the bucket. Raises ValueError without them; `migrate` needs none."""
        secret = self.exports_secret_access_key.get_secret_value()
        if not self.exports_access_key_id or not secret:
            raise ValueError(
                "SEGOPS_EXPORTS_ACCESS_KEY_ID and SEGOPS_EXPORTS_SECRET_ACCESS_KEY must be set if SEGOPS_EXPORTS_URL is the"
                " address of a bucket"
            )
        return self.exports_access_key_id, secret

    @property
    def activation_access(self) -> ActivationAccess:
        """The key of activations, where they may send, whether they may write files, and the key of suppressions."""
        return ActivationAccess(
            self.activation_key.get_secret_value(),
            self.activation_networks,
            self.ca_file,
            has_files=bool(self.exports_url),
            person_key=self.person_key,
        )

    @property
    def person_key(self) -> str:
        """The key of the hashes by which erased people are known; empty without one."""
        return self.suppression_key.get_secret_value()

    @property
    def lookups(self) -> Quota:
        """The rate limits of lookups."""
        return Quota(per_key=self.lookups_per_key, per_tenant=self.lookups_per_tenant)

    @property
    def analyses(self) -> Quota:
        """The rate limits of analyses."""
        return Quota(per_key=self.analyses_per_key, per_tenant=self.analyses_per_tenant)
