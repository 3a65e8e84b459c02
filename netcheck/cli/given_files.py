"""Files that options name: intents, recorded connections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netcheck.cli.options import Inputs
from netcheck.errors import Problem, UsageError
from netcheck.load.intents import intent_documents, read_intents
from netcheck.model.cluster import Loaded
from netcheck.model.intents import Intent
from netcheck.queries.verify import IntentsRefused

MOST_BYTES = 16 * 1024 * 1024


def intents_of(given: Sequence[tuple[str, bytes]], loaded: Loaded, inputs: Inputs) -> tuple[Intent, ...]:
    """Return the intents of the files, then those among the sources that are not of these files.

    Raises:
        UsageError: some cannot be used.
    """
    documents, problems = [], list[Problem]()
    for name, data in given:
        found, wrong = intent_documents(data, name)
        documents += found
        problems += wrong
    named = {Path(name).resolve() for name, _ in given}
    documents += [item for item in loaded.intents if Path(item.file).resolve() not in named]
    intents, wrong_ones = read_intents(documents, inputs.namespace)
    problems += wrong_ones
    if problems:
        raise IntentsRefused(sorted(problems, key=lambda item: item.sort_key))
    return intents


def read_file(option: str, file: str) -> tuple[str, bytes]:
    """Return the name and the bytes of a file that an option names.

    Raises:
        UsageError: it cannot be read, or is larger than any such file should be.
    """
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "not a file name").lower()
        raise UsageError(f"{option}: `{file}` cannot be read: {why}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{option}: `{file}` is larger than {MOST_BYTES // 1024 // 1024} MiB")
    return file, data
