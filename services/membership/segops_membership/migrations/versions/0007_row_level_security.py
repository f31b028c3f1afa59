"""The rights of the service's role, and row-level security on all tables, which are all of tenants.

Revision ID: 0007
"""

from __future__ import annotations

from itertools import chain

from alembic import op

from segops_common.stores.postgres_tenancy import service_grants, tenant_policies

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "membership"
TABLES = (
    "tenant_leases",
    "profile_numbers",
    "tenant_heads",
    "segment_heads",
    "publications",
    "static_lists",
    "segment_definitions",
)
# A statement that is a transaction by itself cannot enter its tenant first, so a function does both.
FUNCTIONS = {
    "acquire_lease(for_tenant bigint, new_holder text, ttl interval)": """
        INSERT INTO membership.tenant_leases AS l (tenant_id, fence, holder, expires_at)
        VALUES (for_tenant, 1, new_holder, clock_timestamp() + ttl)
        ON CONFLICT (tenant_id) DO UPDATE
        SET fence = l.fence + 1, holder = excluded.holder, expires_at = excluded.expires_at
        WHERE l.expires_at <= clock_timestamp()
        RETURNING fence""",
    "renew_lease(for_tenant bigint, held_fence bigint, ttl interval)": """
        UPDATE membership.tenant_leases SET expires_at = clock_timestamp() + ttl
        WHERE tenant_id = for_tenant AND fence = held_fence RETURNING fence""",
    "release_lease(for_tenant bigint, held_fence bigint)": """
        UPDATE membership.tenant_leases SET expires_at = clock_timestamp()
        WHERE tenant_id = for_tenant AND fence = held_fence RETURNING fence""",
    "reserve_profile_numbers(for_tenant bigint, amount bigint)": """
        INSERT INTO membership.profile_numbers AS p (tenant_id, next) VALUES (for_tenant, amount)
        ON CONFLICT (tenant_id) DO UPDATE SET next = p.next + amount RETURNING next - amount""",
    "mark_publication_visible(for_tenant bigint, of_run bigint)": """
        UPDATE membership.publications SET shown = true
        WHERE tenant_id = for_tenant AND run_id = of_run RETURNING run_id""",
    "mark_publication_reported(for_tenant bigint, of_run bigint)": """
        UPDATE membership.publications SET announced = true
        WHERE tenant_id = for_tenant AND run_id = of_run RETURNING run_id""",
}


def upgrade() -> None:
    """Let the service see the tenants that a transaction entered."""
    for statement in chain(service_grants(SCHEMA), tenant_policies(SCHEMA, TABLES)):
        op.execute(statement)
    for signature, statement in FUNCTIONS.items():
        op.execute(_function(signature, statement))


def _function(signature: str, statement: str) -> str:
    return f"""
        CREATE FUNCTION {SCHEMA}.{signature} RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE
            result bigint;
        BEGIN
            PERFORM set_config('segops.tenants', '{{' || for_tenant || '}}', true);
            {statement} INTO result;
            RETURN result;
        END $$"""
