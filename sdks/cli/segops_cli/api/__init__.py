"""The public HTTP API: requests, logins and streams."""
