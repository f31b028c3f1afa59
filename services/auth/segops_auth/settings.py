"""Configuration of auth, read from SEGOPS_* environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from segops_common.runtime.settings import PostgresSettings

Secret = Annotated[SecretStr, Field(min_length=32)]
Quota = Annotated[int, Field(ge=1)]


class Settings(PostgresSettings):
    """What auth needs beyond the settings of every service."""

    service_token: Secret
    api_key_pepper: Secret
    """Hashes of keys, invites and refresh tokens depend on it, and the stored signing keys: never change it."""
    jwt_private_key_file: Path
    """The first ES256 private key in PEM. `keys rotate` stores later ones in the database, encrypted."""
    logins_per_email: Quota = 10
    """Wrong passwords for one email address in 15 minutes: of all unknown clients together, and of each known one."""
    logins_per_address: Quota = 30
    """Wrong passwords, and as many sign-ups and invites, from one network address in a minute."""
