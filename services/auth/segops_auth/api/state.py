"""Resources of the running API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from segops_auth.domain.registration import Registration
from segops_auth.service import Auth
from segops_common.security.tokens import Jwk


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The use cases, and what only routes need."""

    auth: Auth
    registration: Registration
    public_keys: Callable[[], Sequence[Jwk]]
    service_tokens: Sequence[str] = field(repr=False)
