"""How the platform does."""
