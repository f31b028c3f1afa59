-- The roles of SegOps in PostgreSQL 15 or newer. Run this as a superuser in the database of SegOps, before `migrate`.
-- It is safe to repeat. Set a password for each role that logs in, for example with \password in psql.
-- It also hands over tables that another role has created, so an older installation can be taken over.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'segops_owner',       -- owns all tables; only the `migrate` processes connect as this role
        'segops_auth',        -- the processes of each service
        'segops_segments',
        'segops_membership',
        -- For one purpose each, see all tenants. Nobody connects as these; a service acts as one for a transaction.
        'segops_auth_keys',            -- finds the API key that a request presents, and records its use
        'segops_auth_memberships',     -- finds the tenants of a user
        'segops_auth_invites',         -- finds the invite that a token belongs to
        'segops_auth_auditor',         -- lists the tenants whose audit logs are verified
        'segops_segments_relay',       -- sends the messages of the outbox, and deletes those that were sent
        'segops_segments_scheduler',   -- finds the tenants with hourly segments that are due, and counts the stale ones
        'segops_segments_sweeper',     -- finds runs that were silent for too long, and counts what waits
        'segops_segments_schemas',     -- lists changed event schemas for ingestion
        'segops_membership_exports',   -- takes exports that wait, and removes expired ones
        'segops_membership_activations', -- takes activations that are due, counts them, and removes old deliveries
        'segops_membership_erasures'   -- takes erasures that wait and retentions that are due, and removes old exits
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT %s',
            name, CASE WHEN name IN ('segops_owner', 'segops_auth', 'segops_segments', 'segops_membership')
                THEN 'LOGIN' ELSE 'NOLOGIN' END
        );
    END LOOP;
END $$;

-- Without INHERIT: a service has the rights of such a role only in a transaction that acts as it.
GRANT segops_auth_keys, segops_auth_memberships, segops_auth_invites, segops_auth_auditor TO segops_auth;
GRANT segops_segments_relay, segops_segments_scheduler, segops_segments_sweeper, segops_segments_schemas TO segops_segments;
GRANT segops_membership_exports, segops_membership_activations, segops_membership_erasures TO segops_membership;

DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('ALTER DATABASE %I OWNER TO segops_owner', datname)
        FROM pg_catalog.pg_database WHERE datname = current_database()
        UNION ALL
        SELECT format('ALTER SCHEMA %I OWNER TO segops_owner', nspname)
        FROM pg_catalog.pg_namespace WHERE nspname IN ('auth', 'segments', 'membership')
        UNION ALL
        -- A sequence of an identity column follows its table.
        SELECT format('ALTER TABLE %s OWNER TO segops_owner', oid::regclass)
        FROM pg_catalog.pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text IN ('auth', 'segments', 'membership')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO segops_owner', oid::regprocedure)
        FROM pg_catalog.pg_proc WHERE pronamespace::regnamespace::text IN ('auth', 'segments', 'membership')
    LOOP
        EXECUTE command;
    END LOOP;
END $$;

-- The time limits of a service's statements and of transactions that wait for their client. A service asks for the same when
-- it connects. A pooler shares connections and cannot pass that on, so the roles have them too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['segops_auth', 'segops_segments', 'segops_membership'] LOOP
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''5s''', name);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''10s''', name);
        EXECUTE format('ALTER ROLE %I SET timezone = ''UTC''', name);
    END LOOP;
END $$;
