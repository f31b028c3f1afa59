"""Settings, resources and command line that every service shares."""
