"""Warnings about definitions that can be evaluated, but that nobody can mean."""

from segops_language.lint.static import static_warnings

__all__ = ["static_warnings"]
