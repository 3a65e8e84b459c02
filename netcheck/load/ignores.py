"""`# netcheck: ignore[...]` comments of a file, and `netcheck/ignore` annotations of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.errors import Place
from netcheck.model.ignores import IgnoreNote

ANNOTATION = "netcheck/ignore"
MARK = b"netcheck:"
_COMMENT = re.compile(r"(?:^|\s)#\s*netcheck:\s*ignore\b(?P<text>.*)$")


def comments(data: bytes, file: str) -> Iterator[IgnoreNote]:
    """Yield the comments of a YAML file, in order."""
    if MARK not in data:
        return
    lines = data.decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line)
        if found is not None:
            alone = not line[: found.start()].strip()
            about = _next_content(lines, number) if alone else number
            place = Place(file, number, line.index("#", found.start()) + 1)
            text = re.split(r"\s#\s", found["text"])[0]  # what a further comment says is not the reason
            yield IgnoreNote(text=text.strip(), place=place, line=about)


def _next_content(lines: list[str], after: int) -> int:
    """Return the number of the first line after the comment that is neither empty nor a comment itself."""
    for number in range(after, len(lines)):
        text = lines[number].strip()
        if text and not text.startswith("#"):
            return number + 1
    return after


def of_annotations(annotations: Mapping[str, Any], label: str, place: Place) -> Iterator[IgnoreNote]:
    """Yield the entries of an object's annotation, which semicolons or line breaks separate."""
    text = annotations.get(ANNOTATION)
    if not isinstance(text, str):
        return
    entries = [entry.strip() for entry in re.split(r"[;\n]", text)]
    for entry in entries:
        if entry or len(entries) == 1:
            yield IgnoreNote(text=entry, place=place, object=label)
