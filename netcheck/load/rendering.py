"""What is rendered before it is read, and how rendered texts are named."""

from __future__ import annotations

from dataclasses import dataclass

RENDERED = " [rendered]"
"""The end of the name of a rendered text; what stands before it is what it was rendered from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is rendered. `values` are files for `helm template --values`, in order."""

    helm: bool = False
    kustomize: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """One text that a program printed, and its name."""

    name: str
    text: str


def is_rendered(file: str) -> bool:
    """Return whether the name is that of a rendered text."""
    return file.endswith(RENDERED)
