"""The explorer: users, their events and segments, and what a tenant sends."""
