"""Failures of the local platform that a person can act on."""


class LocalError(Exception):
    """One line that says what is wrong and what to do; the command line prints it and exits with 2."""
