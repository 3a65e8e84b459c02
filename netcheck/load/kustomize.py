"""Kustomizations are not cluster objects; the patches that they name are parts of objects, and not read as objects.

netcheck does not build: a warning says what to do (SEMANTICS LIVE-14).
"""

from __future__ import annotations

from typing import Any

from netcheck.load.check_common import listing, mapping, text
from netcheck.load.documents import decode
from netcheck.load.yaml_events import DocumentError, documents

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def patch_files(data: bytes) -> tuple[str, ...]:
    """Return the files that a kustomization names as patches, relative to its folder; none if it cannot be read."""
    try:
        values = [mapping(document.value) for document in documents(decode(data))]
    except (DocumentError, ValueError):
        return ()
    return tuple(path for value in values for path in _paths(value))


def _paths(value: dict[str, Any]) -> list[str]:
    found = [
        text(mapping(item).get("path")) for key in ("patches", "patchesJson6902") for item in listing(value.get(key))
    ]
    found += [text(item) for item in listing(value.get("patchesStrategicMerge"))]
    return [path for path in found if path and "\n" not in path]
