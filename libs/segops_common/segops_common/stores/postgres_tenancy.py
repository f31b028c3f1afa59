"""Row-level security of the tables that hold rows of tenants, as SQL for migrations.

A service connects as the role `segops_<service>`, which owns nothing. A policy shows it the rows of the tenants in the
setting `segops.tenants` of the transaction, see `TenantSession`. Without the setting, every query on the table raises an
error, also one of the tables' owner. Work for all tenants has roles of its own, one for each purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

_CURRENT_TENANTS = """
CREATE FUNCTION {schema}.current_tenants() RETURNS bigint[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    tenants text := current_setting('segops.tenants', true);
BEGIN
    -- The setting is empty, not null, in a connection whose earlier transaction had tenants.
    IF tenants IS NULL OR tenants = '' THEN
        RAISE EXCEPTION 'a transaction must enter its tenants before it reads or writes their rows'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN tenants::bigint[];
END $$"""

_ROLE_MUST_EXIST = """
DO $$ BEGIN
    IF to_regrole('{role}') IS NULL THEN
        RAISE EXCEPTION 'the role {role} must exist: run deploy/postgres/roles.sql as a superuser, then `migrate` again';
    END IF;
END $$"""


def service_grants(schema: str) -> Iterator[str]:
    """Yield statements that let the role of the service use all present and future tables of its schema."""
    role = f"segops_{schema}"
    yield _ROLE_MUST_EXIST.format(role=role)
    rights = "SELECT, INSERT, UPDATE, DELETE"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    yield f"GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {rights} ON TABLES TO {role}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}"
    yield f"REVOKE ALL ON {schema}.alembic_version FROM {role}"
    yield _CURRENT_TENANTS.format(schema=schema)


def version_grant(schema: str) -> str:
    """Return the statement that lets the role of the service read, and only read, which revisions have run."""
    return f"GRANT SELECT ON {schema}.alembic_version TO segops_{schema}"


def tenant_policies(schema: str, tables: Sequence[str], *, column: str = "tenant_id") -> Iterator[str]:
    """Yield statements that show and accept only rows of the tenants that a transaction entered.

    `service_grants` must have created the function that they call.
    """
    for table in tables:
        yield f"ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY tenant ON {schema}.{table} USING ({column} = ANY ({schema}.current_tenants()))"


def all_tenants(schema: str, role: str, rights: Mapping[str, str]) -> Iterator[str]:
    """Yield statements that let a role use tables for all tenants. `rights` is by table, such as `SELECT, DELETE`."""
    yield _ROLE_MUST_EXIST.format(role=role)
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    for table, granted in rights.items():
        yield f"GRANT {granted} ON {schema}.{table} TO {role}"
        yield f"CREATE POLICY {role} ON {schema}.{table} TO {role} USING (true)"
