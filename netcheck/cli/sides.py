"""The two sources that `diff` and `compare` set side by side."""

from __future__ import annotations

from dataclasses import replace

from netcheck.cli.inputs import configuration, load_inputs
from netcheck.cli.options import Inputs
from netcheck.errors import UsageError
from netcheck.model.cluster import Loaded


def load_both(inputs: Inputs) -> tuple[Loaded, Loaded]:
    """Load the two sources that are compared.

    Raises:
        UsageError: there are not two, or both are stdin.
    """
    if len(inputs.sources) != 2:
        raise UsageError(
            f"two sources are compared, BASE and HEAD, and {len(inputs.sources)} were named\n"
            "  hint: `netcheck diff git:origin/main .` compares the working tree with a branch"
        )
    if set(inputs.sources) == {"-"}:
        raise UsageError("only one side can be `-`: stdin is read once")
    config = configuration(inputs)
    base, head = (load_inputs(replace(inputs, sources=(source,)), config) for source in inputs.sources)
    return base, head
