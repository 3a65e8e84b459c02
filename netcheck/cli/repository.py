"""Where files lie in their repository: paths that mean the same on every machine."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

from netcheck.load.rendering import RENDERED


def relative_to_repository(start: Path) -> Callable[[str], str]:
    """Return the function from a file as it was named to its path from the repository's root, with `/`.

        The repository is the one around `start`; without one, paths count from `start`. Files outside it keep the name they
    were given, those of `git:REV:PATH` sources are PATH, and rendered texts are what they were rendered from.
    """
    root = root_of(start)

    @functools.cache
    def relative(file: str) -> str:
        file = file.removesuffix(RENDERED)
        if file.startswith("git:"):
            return file.removeprefix("git:").partition(":")[2] or file
        absolute = Path(os.path.normpath(start / file))
        return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else file

    return relative


def root_of(start: Path) -> Path:
    """Return the root of the repository around `start`, or `start` itself."""
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def at_revision(source: str, revision: str, start: Path) -> str:
    """Return `git:REV:PATH` for a file or directory of the repository around `start`."""
    path = relative_to_repository(start)(source)
    return f"git:{revision}:{path}" if path != "." else f"git:{revision}"
