"""Carries out compute jobs."""
