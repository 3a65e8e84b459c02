"""The two sources that `diff` and `compare` set side by side."""

from __future__ import annotations

from dataclasses import replace

from netcheck.cli.inputs import configuration, load_inputs, split_names
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import Inputs
from netcheck.errors import UsageError
from netcheck.load.capture import Capture
from netcheck.model.cluster import Loaded


def load_both(inputs: Inputs, *, overlay: bool = False) -> tuple[Loaded, Loaded]:
    """Load the two sources that are compared; with `overlay` the second is what it makes of the first.

    A cluster that is on both sides is read once.

    Raises:
        UsageError: there are not two, stdin would be read twice, or a namespace is on neither.
    """
    if len(inputs.sources) != 2:
        raise UsageError(
            f"two sources are compared, BASE and HEAD, and {len(inputs.sources)} were named\n"
            "  hint: `netcheck diff git:origin/main .` compares the working tree with a branch"
        )
    if set(inputs.sources) == {"-"} or (overlay and inputs.sources[0] == "-"):
        raise UsageError("only one side can be `-`: stdin is read once")
    config = configuration(inputs)
    kept: dict[str, Capture] = {}
    base, head = (
        load_inputs(replace(inputs, sources=sources, only_namespace=()), config, kept=kept)
        for sources in (inputs.sources[:1], inputs.sources if overlay else inputs.sources[1:])
    )
    _check_namespaces(inputs, {*base.cluster.namespaces, *head.cluster.namespaces})
    return base, head


def _check_namespaces(inputs: Inputs, known: set[str]) -> None:
    """Refuse a namespace that is on neither side: one that only one of them has can be asked for."""
    for name in split_names(inputs.only_namespace):
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            raise UsageError(f"--only-namespace: nothing that was read lies in namespace `{name}`{hint}")
