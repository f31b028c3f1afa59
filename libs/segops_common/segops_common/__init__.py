"""What the SegOps services share."""

from importlib.metadata import version

__version__ = version("segops-common")
"""The version of the product: every package has the one in the root's `pyproject.toml`."""
