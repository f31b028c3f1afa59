"""Failures of the local platform that a person can act on."""


class LocalError(Exception):
    """One line that says what is wrong and what to do; the command line prints it and exits with 2."""


def reason_of(error: OSError) -> str:
    """Return why a file could not be used, such as `/data/port: No space left on device`."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{error.filename}: {reason}"
