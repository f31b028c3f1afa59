"""`segops`, also as `python -m segops_cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from segops_cli.app import application
from segops_cli.errors import CliError, ExitCode
from segops_cli.output import show_error


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        application(list(arguments), prog_name="segops")
    except CliError as error:
        show_error(error, as_json="--json" in arguments)
        return error.code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    return ExitCode.DONE


def main() -> None:
    """Run the command of this process."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
