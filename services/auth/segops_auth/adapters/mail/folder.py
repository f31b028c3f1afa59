"""Mails as files in a folder, for an installation on one machine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from segops_auth.domain.mail import Mail
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unavailable

MAX_MAILS: Final = 500
"""Older mails are deleted."""


class FolderMail:
    """Writes each mail as JSON. The names of the files are in the order in which the mails were sent."""

    def __init__(self, *, folder: Path, clock: Clock, ids: Ids) -> None:
        self._folder = folder
        self._clock = clock
        self._ids = ids

    async def send(self, mail: Mail) -> None:
        """Return when the file is complete. Raises Unavailable."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise Unavailable(f"the folder for mails cannot be written: {error.strerror}") from error

    def _write(self, mail: Mail) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = self._clock.now()
        content = {
            "at": now.isoformat(),
            "to": mail.recipient,
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
        }
        name = f"{now:%Y%m%dT%H%M%S%f}-{self._ids.token(6)}"
        unfinished = self._folder / f"{name}.new"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        unfinished.rename(self._folder / f"{name}.json")
        for file in sorted(self._folder.glob("*.json"))[:-MAX_MAILS]:
            file.unlink(missing_ok=True)
