"""What crosses a process boundary: pydantic models and the names both sides agree on."""
