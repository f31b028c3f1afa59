"""Example values of the OpenAPI document."""

from __future__ import annotations

from typing import Final

from pydantic.config import JsonDict

AT: Final = "2026-01-31T09:00:00Z"
IN_A_WEEK: Final = "2026-02-07T09:00:00Z"
EMAIL: Final = "ada@example.com"
PASSWORD: Final = "correct-horse-battery"
# Examples must not contain null: the OpenAPI document drops it, so nullable fields have values here.
KEY: Final = "sk_live_" + "0" * 43 + "2Ga7kP"
TOKEN: Final = "q2Jm0dWn3mB4xZk1vS8cT5yR7uE9oL6aP0hG2fD1sXw"

TOKENS: Final[JsonDict] = {
    "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
    "refresh_token": TOKEN,
    "access": "eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
    "refresh": TOKEN,
    "token_type": "Bearer",
    "expires_in": 900,
}
USER: Final[JsonDict] = {"id": 7, "email": EMAIL}
TENANT: Final[JsonDict] = {"id": 1, "slug": "acme", "name": "Acme"}
OWN_TENANT: Final[JsonDict] = TENANT | {"is_test": False, "role": "owner"}
TENANT_READ: Final[JsonDict] = TENANT | {
    "is_test": False,
    "test_tenant": 8,
    "join_unsigned_ids": True,
    "created_at": AT,
}
MEMBER: Final[JsonDict] = {"user_id": 7, "email": EMAIL, "role": "owner", "joined_at": AT}
INVITE: Final[JsonDict] = {
    "id": 3,
    "tenant": 1,
    "email": "grace@example.com",
    "role": "member",
    "invited_by": 7,
    "invited_by_email": EMAIL,
    "created_at": AT,
    "expires_at": IN_A_WEEK,
}
API_KEY: Final[JsonDict] = {
    "id": 5,
    "tenant": 1,
    "name": "web server",
    "kind": "secret",
    "scopes": ["events:write", "membership:read"],
    "allowed_origins": [],
    "require_signed_user_id": False,
    "prefix": "sk_live_",
    "last_four": KEY[-4:],
    "created_by": 7,
    "created_at": AT,
    "last_used_at": AT,
    "previous_key_expires_at": IN_A_WEEK,
}
PAGES_KEY: Final[JsonDict] = {
    "tenant": 1,
    "name": "web site",
    "kind": "publishable",
    "allowed_origins": ["https://www.example.com", "http://localhost:3000"],
}
HMAC_SECRET: Final = "3b" * 32
PUBLISHABLE_KEY: Final = "pk_live_" + "0" * 43 + "3Y2mVf"
SIGNING_KEY: Final[JsonDict] = API_KEY | {
    "name": "web site",
    "kind": "publishable",
    "scopes": ["events:write"],
    "allowed_origins": ["https://www.example.com"],
    "require_signed_user_id": True,
    "prefix": "pk_live_",
    "last_four": PUBLISHABLE_KEY[-4:],
    "key": PUBLISHABLE_KEY,
    "hmac_secret": HMAC_SECRET,
}
SIGNATURE: Final = "7f" * 32
SESSION: Final[JsonDict] = {
    "token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJzdWIiOiJ1c2VyLTEyMyJ9.c2lnbmF0dXJl",
    "expires_at": "2026-01-31T09:15:00Z",
    "uid": "user-123",
}
OWN_SESSION: Final[JsonDict] = {
    "id": 12,
    "created_at": AT,
    "last_used_at": AT,
    "user_agent": "Firefox 128 on Linux",
    "address": "198.51.100.7",
    "current": True,
}
AUDIT_ENTRY: Final[JsonDict] = {
    "number": 2,
    "at": AT,
    "actor_id": 7,
    "action": "api_key.created",
    "target": "api_key:5",
    "details": {"kind": "secret", "name": "web server", "scopes": "events:write membership:read"},
    "previous_hash": "5f" * 32,
    "hash": "a1" * 32,
}
JWK: Final[JsonDict] = {
    "kty": "EC",
    "crv": "P-256",
    "alg": "ES256",
    "use": "sig",
    "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
