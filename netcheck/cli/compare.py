"""`netcheck compare`: two policy sets, in every cluster that could exist."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import is_lossy
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input, solver_timeout
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.repository import relative_to_repository
from netcheck.cli.sides import load_both
from netcheck.cli.styles import style_of
from netcheck.model.cluster import Loaded
from netcheck.queries.compare import Comparison, Outcome, Relation
from netcheck.queries.compare import compare as compare_policies
from netcheck.report.comparison import comparison_json, comparison_markdown, comparison_text
from netcheck.report.diff_json import joined_input

FORMATS = ("table", "json", "md", "sarif", "junit", "github", "gitlab")


@click.command("compare", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--relation",
    type=click.Choice([item.value for item in Relation]),
    default="equal",
    says="equal",
    text="equal; contains: BASE allows all that HEAD allows; within: the other way round; disjoint: no flow in common.",
)
@solver_timeout("How long one question to the solver may take; then the answer is unknown.", 60.0)
def compare(inputs: Inputs, *, relation: str, solver_timeout: float) -> int:
    """Prove how the policies of BASE lie to those of HEAD, in every cluster that could exist.

    Ends are any pods with any labels, in any namespaces with any labels, and any nodes and addresses; what else the two
    sources hold does not matter. If the relation does not hold there is a small pair of pods that shows it. Exit 0 iff
    it holds, 1 iff it does not.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    base, head = load_both(inputs)
    found = compare_policies(
        base.cluster,
        head.cluster,
        Relation(relation),
        timeout_ms=max(1, int(solver_timeout * 1000)),
        same_unknown=True,
    )
    loaded = joined_input(base, head)
    show(inputs, outputs, loaded, found)
    return exit_codes.decide(
        negative=found.outcome is not Outcome.HOLDS,
        incomplete=found.outcome is Outcome.UNKNOWN or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def show(
    inputs: Inputs,
    outputs: tuple[Output, ...],
    loaded: Loaded,
    found: Comparison,
    *,
    counted: frozenset[str] | None = None,
) -> None:
    """Write the answer in every format that is wanted, and the problems of the input.

    Of the questions not in `counted` (None: all count) a violation is no failed test.
    """
    if to_stdout(outputs) not in ("json", "sarif", "github"):
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found, counted) for item in outputs})


def _pieces(
    output: Output, inputs: Inputs, loaded: Loaded, found: Comparison, counted: frozenset[str] | None
) -> Iterable[str]:
    if output.format == "json":
        return comparison_json(loaded, found)
    if output.format == "md":
        return comparison_markdown(loaded, found)
    if output.format == "table":
        return comparison_text(loaded, found, style_of(output, inputs))
    from netcheck.report import comparison_machine as machine  # noqa: PLC0415 - loaded when it is wanted

    relative = relative_to_repository(Path.cwd())
    if output.format == "sarif":
        return machine.comparison_sarif(loaded, found, relative)
    if output.format == "junit":
        return machine.comparison_junit(found, relative, counted=counted)
    if output.format == "github":
        return machine.comparison_github(loaded, found, relative)
    return machine.comparison_gitlab(found, relative)
