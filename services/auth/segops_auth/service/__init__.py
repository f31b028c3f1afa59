"""The use cases of auth."""

from __future__ import annotations

from dataclasses import dataclass

from segops_auth.service.accounts import Accounts
from segops_auth.service.api_keys import ApiKeys
from segops_auth.service.invites import Invites
from segops_auth.service.sessions import Sessions
from segops_auth.service.tenants import Tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Every use case that routes call."""

    accounts: Accounts
    sessions: Sessions
    tenants: Tenants
    invites: Invites
    api_keys: ApiKeys
