"""Kustomizations are not cluster objects; the patches that they name are parts of objects, and not read as objects.

Without `--kustomize` nothing is built: a warning says what to do (SEMANTICS LIVE-14).
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The folders (or files) that a kustomization uses, relative to its own, and whether it is a component itself."""

    folders: tuple[str, ...] = ()
    component: bool = False


def parts(data: bytes) -> Parts:
    """Return what a kustomization is made of; nothing if it cannot be read."""
    try:
        values = [mapping(document.value) for document in documents(decode(data))]
    except (DocumentError, ValueError):
        return Parts()
    used = (
        item for value in values for key in ("resources", "bases", "components") for item in listing(value.get(key))
    )
    return Parts(
        folders=tuple(text(item) for item in used if text(item) and "://" not in text(item)),
        component=any(value.get("kind") == "Component" for value in values),
    )


def _paths(value: dict[str, Any]) -> list[str]:
    found = [
        text(mapping(item).get("path")) for key in ("patches", "patchesJson6902") for item in listing(value.get(key))
    ]
    found += [text(item) for item in listing(value.get("patchesStrategicMerge"))]
    return [path for path in found if path and "\n" not in path]
