"""Basics that every module may use; only the standard library is imported here."""
