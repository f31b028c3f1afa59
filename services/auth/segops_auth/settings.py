"""What the environment says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Secret = Annotated[SecretStr, Field(min_length=32)]
Quota = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Variables SEGOPS_*; a missing one stops the start and is named."""

    model_config = SettingsConfigDict(env_prefix="SEGOPS_", hide_input_in_errors=True)

    http_host: str = "127.0.0.1"
    http_port: int = 8000
    drain_s: float = Field(default=5.0, ge=0)
    """Seconds for which a stopping API still serves, so that every balancer has seen that it is not ready."""
    postgres_url: str
    redis_url: str
    service_token: Secret
    api_key_pepper: Secret
    """Without it no stored hash of a key, an invite or a refresh token can be matched; never change it."""
    jwt_private_key_file: Path
    """The ES256 private key in PEM."""
    logins_per_email: Quota = 10
    """Wrong passwords for one e-mail address in 15 minutes."""
    logins_per_address: Quota = 30
    """Sign-ins with a wrong password, and as many sign-ups and invites, from one network address in a minute."""
