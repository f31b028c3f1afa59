"""The texts of mails. Every mail has a plain form and a form in HTML, in which all values are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from segops_auth.domain.mail import Mail

_HTML: Final = """<!doctype html>
<html lang="en"><body style="font-family: sans-serif; font-size: 15px; line-height: 1.5">
{paragraphs}
</body></html>
"""


class Messages:
    """Writes mails with links to the pages of one installation."""

    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")

    def invite(self, *, recipient: str, tenant: str, inviter: str, role: str, token: str) -> Mail:
        """Return the mail with which an invite is accepted."""
        return self._mail(
            recipient,
            f"{inviter} invites you to {tenant}",
            [f"{inviter} invites you to join {tenant} on SegOps as {role}.", "Accept the invite within 7 days:"],
            f"invite?token={quote(token)}",
            "If you do not know the sender, ignore this mail.",
        )

    def password_reset(self, *, recipient: str, token: str) -> Mail:
        """Return the mail with which a new password is chosen."""
        return self._mail(
            recipient,
            "Choose a new password for SegOps",
            ["Somebody asked for a new password for this email address.", "Choose it within 30 minutes:"],
            f"reset-password?token={quote(token)}",
            "If that was not you, ignore this mail. Your password stays as it is.",
        )

    def email_verification(self, *, recipient: str, token: str) -> Mail:
        """Return the mail with which an address is confirmed."""
        return self._mail(
            recipient,
            "Confirm your email address for SegOps",
            ["An account on SegOps has this email address.", "Confirm that it is yours within 3 days:"],
            f"verify-email?token={quote(token)}",
            "If you have no account, ignore this mail.",
        )

    def _mail(self, recipient: str, subject: str, paragraphs: Sequence[str], path: str, ending: str) -> Mail:
        link = f"{self._public_url}/{path}"
        shown = f'<a href="{escape(link)}">{escape(link)}</a>'
        rows = [*map(escape, paragraphs), shown, escape(ending)]
        return Mail(
            recipient=recipient,
            subject=subject,
            text="\n\n".join([*paragraphs, link, ending]) + "\n",
            html=_HTML.format(paragraphs="\n".join(f"<p>{row}</p>" for row in rows)),
        )
