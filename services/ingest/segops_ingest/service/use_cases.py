"""The use cases that the routes of ingestion call."""

from __future__ import annotations

from dataclasses import dataclass

from segops_ingest.service.accept_events import Ingest
from segops_ingest.service.aliases import Aliases
from segops_ingest.service.dead_letters import DeadLetterReplays
from segops_ingest.service.rejections import Rejections
from segops_ingest.service.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class UseCases:
    """The use cases of the API."""

    ingest: Ingest
    rejections: Rejections
    dead_letters: DeadLetterReplays
    sandbox: Sandbox
    aliases: Aliases
