"""`make openapi`: one OpenAPI 3.1 document a service and a merged one, written to docs/openapi/."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "openapi"
SERVICES = ("auth", "ingest", "segments", "membership")

Document = dict[str, Any]


class ConflictError(Exception):
    """Two services give one name different meanings."""


def service_document(service: str) -> Document:
    """A service's own document, made without any engine."""
    document: Document = importlib.import_module(f"segops_{service}.app").openapi_document()
    return document


def merge(documents: list[Document]) -> Document:
    """One document of all services; a name may be shared only by equal things."""
    merged: Document = {
        "openapi": documents[0]["openapi"],
        "info": documents[0]["info"]
        | {"title": "SegOps", "description": "Event ingestion, segments and membership behind one gateway."},
        "servers": documents[0]["servers"],
        "paths": {},
        "components": {},
        "tags": [],
    }
    for document in documents:
        for path, operations in document["paths"].items():
            # Methods of one path may belong to two services: the gateway chooses by method.
            _unite(merged["paths"].setdefault(path, {}), operations, f"operation of {path}")
        for kind, components in document.get("components", {}).items():
            _unite(merged["components"].setdefault(kind, {}), components, kind)
        names = {tag["name"] for tag in merged["tags"]}
        merged["tags"] += [tag for tag in document.get("tags", []) if tag["name"] not in names]
    _require_unique_operation_ids(merged["paths"])
    return merged


def _require_unique_operation_ids(paths: Document) -> None:
    ids = Counter(operation["operationId"] for operations in paths.values() for operation in operations.values())
    repeated = [name for name, count in ids.items() if count > 1]
    if repeated:
        raise ConflictError(f"operation ids must be unique: {repeated}")


def _unite(into: Document, more: Document, kind: str) -> None:
    for name, value in more.items():
        if into.setdefault(name, value) != value:
            raise ConflictError(f"{kind} {name!r} differs between services")


def render(document: Document) -> str:
    """The text that is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def all_documents() -> dict[str, str]:
    """File name to text, for every document."""
    documents = {service: service_document(service) for service in SERVICES}
    texts = {f"{service}.json": render(document) for service, document in documents.items()}
    return texts | {"segops.json": render(merge(list(documents.values())))}


def main() -> int:
    """Write all documents."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in all_documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/openapi/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
