"""The audit log of a tenant, to which every service appends. Auth keeps it."""
