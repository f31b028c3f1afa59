"""Fields of request and response models: the same ones that the definition language uses."""

from segops_language import Optional, without_default

__all__ = ["Optional", "without_default"]
