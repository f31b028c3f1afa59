"""Base classes for the parts of a transaction."""

from __future__ import annotations

from segops_common.stores.postgres import ReadSession, WriteSession


class SessionReads:
    """Reads in one transaction."""

    def __init__(self, session: ReadSession | WriteSession) -> None:
        self._session: ReadSession | WriteSession = session


class SessionWrites(SessionReads):
    """Reads and writes in one transaction."""

    def __init__(self, session: WriteSession) -> None:
        super().__init__(session)
        self._session: WriteSession = session
