"""What can still be told of a document that cannot be parsed: its kind, namespace and name, by a light scan."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KIND = re.compile(r"""^["']?kind["']?\s*:\s*["']?([A-Za-z]+)["']?\s*,?\s*(?:#.*)?$""", re.MULTILINE)
_VERSION = re.compile(r"""^["']?apiVersion["']?\s*:\s*["']?([A-Za-z0-9./-]+)["']?\s*,?\s*(?:#.*)?$""", re.MULTILINE)
_METADATA = re.compile(r"^metadata\s*:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n?|\s*\n|#.*\n)*)", re.MULTILINE)
_FLOW = re.compile(r"^metadata\s*:[ \t]*\{([^{}\n]*)", re.MULTILINE)
_NAME = r"""["']?([a-z0-9]([-a-z0-9.]*[a-z0-9])?)["']?[ \t]*(?:,|$|#)"""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a scan found; `namespace` is None if the text has one that cannot be read.

    `text` is the document, or empty if what is to be filled in says what it means.
    """

    group: str
    kind: str
    namespace: str | None
    name: str
    text: str = ""


def sketch(text: str, default_namespace: str) -> Sketch | None:
    """Return what can be told of a broken document, or None."""
    kind, version = _KIND.search(text), _VERSION.search(text)
    if kind is None or version is None:
        return None
    group, slash, _ = version[1].rpartition("/")
    metadata = _METADATA.search(text) or _FLOW.search(text)
    fields = metadata[1] if metadata else ""
    name = _value(fields, "name")
    namespace = _value(fields, "namespace")
    if namespace is None and metadata and "{{" not in fields and not re.search(r"namespace\s*:", fields):
        namespace = default_namespace
    known = "" if "{{" in text else text
    return Sketch(group if slash else "", kind[1], namespace, name or "?", known)


def _value(fields: str, key: str) -> str | None:
    found = re.search(rf"(?:^[ \t]*|[,{{][ \t]*|^){key}[ \t]*:[ \t]*{_NAME}", fields, re.MULTILINE)
    return found[1] if found else None
