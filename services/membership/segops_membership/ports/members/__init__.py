"""Reads of published members, and exports of them."""
