"""What goes wrong in a page while a test uses it. Each test fails at its end if there was anything."""

from __future__ import annotations

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Response

SAYS_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`violates the policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Faults:
    """Collects errors of all pages of a browser context."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def watch(self, context: BrowserContext) -> None:
        await context.add_init_script(SAYS_VIOLATIONS)
        context.on("page", self._watch_page)
        context.on("response", self._check)

    def _watch_page(self, page: Page) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.lines.append(f"{page.url}: {error}"))
        page.on("crash", lambda crashed: self.lines.append(f"{crashed.url}: the page crashed"))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium logs each answer of 400 and more; what an answer means is the test's to say.
        of_api = "/api/" in str(message.location.get("url", "")) and "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not of_api:
            self.lines.append(f"{message.type}: {message.text}")

    def _check(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if "/api/" in response.url and kind.startswith("text/html"):
            self.lines.append(f"{response.url} answered HTML")
