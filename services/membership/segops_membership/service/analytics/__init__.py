"""Numbers of a tenant: members, events, overlaps and usage."""
