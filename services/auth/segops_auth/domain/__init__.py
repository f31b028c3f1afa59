"""Decisions of auth; standard library and the common library's core only."""
