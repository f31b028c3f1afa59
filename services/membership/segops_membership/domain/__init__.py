"""Decisions: predicates and set algebra, what may be published, and how segments refer to each other."""
