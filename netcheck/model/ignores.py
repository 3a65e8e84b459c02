"""What users wrote to be left out of lint findings: comments and annotations, as text with its place."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreNote:
    """One `netcheck: ignore` comment, or one entry of an object's `netcheck/ignore` annotation.

    Attributes:
        text: what follows the word `ignore` of a comment; the entry of an annotation.
        place: of the note.
        line: of the findings that a comment is about: its own, or the next one with content if it stands alone; 0 for an
            annotation.
        object: label of the object whose annotation it is (`Kind namespace/name`), or empty.
    """

    text: str
    place: Place
    line: int = 0
    object: str = ""
