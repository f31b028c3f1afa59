"""The commands. Each module adds its commands to the application."""
