"""`netcheck suggest`: the policies that close the gaps and keep what is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.given_files import intents_of, read_file
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input, solver_timeout
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.errors import Problem, UsageError
from netcheck.load.recorded_flows import RecordedFlow, recorded_flows
from netcheck.load.sources import SNAPSHOT
from netcheck.model.cluster import Loaded
from netcheck.model.evidence import Evidence
from netcheck.model.policy import Direction
from netcheck.queries.suggest import Scope
from netcheck.queries.suggest import suggest as answer
from netcheck.queries.suggest_needs import Sources
from netcheck.queries.suggest_results import NeedKind, Suggestions

FORMATS = ("yaml", "table", "json")
_DIRECTIONS = {"ingress": Direction.INGRESS, "egress": Direction.EGRESS}
NO_NAMES = "a snapshot holds no configuration of containers, so it tells no names; manifests and live clusters do"
_KINDS = tuple(kind.value for kind in NeedKind)


@click.command("suggest", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--intents",
    "files",
    metavar="FILE",
    multiple=True,
    says="those among the sources",
    text="Intents: what they allow is needed, what they deny is not kept open. Repeatable.",
)
@option(
    "--flows",
    metavar="FILE",
    multiple=True,
    says="none",
    text="Recorded connections as CSV with the columns source, destination, protocol and port. Repeatable.",
)
@option(
    "--need",
    metavar="KIND",
    multiple=True,
    says="all; with --flows all but services",
    text=f"What tells that a connection is needed: {', '.join(_KINDS)}. Repeatable.",
)
@option(
    "--direction",
    type=click.Choice([*_DIRECTIONS]),
    says="both",
    text="Close only gaps of this direction.",
)
@solver_timeout("How long one question to the solver may take; then its answer is unknown.")
def suggest(
    inputs: Inputs,
    *,
    files: tuple[str, ...],
    flows: tuple[str, ...],
    need: tuple[str, ...],
    direction: str | None,
    solver_timeout: float,
) -> int:
    """Write the smallest set of NetworkPolicies that isolates every pod which none isolates, and keeps what is needed:
    by intents, recorded connections, routes, doors, names in the configuration of containers, webhooks, monitors, Services
    and DNS. What is written says what each policy is for, and what is proved. docs/suggest.md describes it.

    Exit 0, or 4 if something is not proved or part of the input could not be read.
    """
    outputs = parse_outputs(inputs.output, FORMATS) if inputs.output else (Output("yaml"),)
    kinds = _kinds(need, with_flows=bool(flows))
    given = [read_file("--intents", file) for file in files]
    recorded = _recorded(flows)
    loaded = load_inputs(inputs, configuration(inputs), evidence=NeedKind.NAMES in kinds)
    scope = Scope(
        only=split_names(inputs.only_namespace),
        exclude=split_names(inputs.exclude_namespace),
        directions=frozenset({_DIRECTIONS[direction]} if direction else Direction),
    )
    sources = Sources(
        kinds=kinds,
        intents=intents_of(given, loaded, inputs),
        flows=recorded,
        evidence=loaded.evidence or Evidence(),
    )
    found = answer(loaded.cluster, sources, scope, timeout_ms=max(1, round(solver_timeout * 1000)))
    if NeedKind.NAMES in kinds and any(source.endswith(SNAPSHOT) for source in inputs.sources):
        found = replace(found, notes=(*found.notes, NO_NAMES))
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found) for item in outputs})
    return exit_codes.decide(
        negative=False,
        incomplete=not found.proved or bool(found.unknown) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: Suggestions) -> Iterable[str]:
    if output.format == "json":
        from netcheck.report.suggest_json import suggestions_json  # noqa: PLC0415 - loaded when it is wanted

        return suggestions_json(loaded, found)
    if output.format == "table":
        from netcheck.report.suggest_table import suggest_table  # noqa: PLC0415 - loaded when it is wanted

        return suggest_table(loaded, found, style_of(output, inputs))
    from netcheck.report.suggest_yaml import suggestions_yaml  # noqa: PLC0415 - loaded when it is wanted

    return suggestions_yaml(found)


def _kinds(texts: Sequence[str], *, with_flows: bool) -> frozenset[NeedKind]:
    """Return the kinds of needs that count: who has recorded what is called need not guess who may call a Service."""
    for text in texts:
        if text not in _KINDS:
            raise UsageError(f"--need: there is no kind `{text}`{did_you_mean(text, _KINDS)}")
    if texts:
        return frozenset(map(NeedKind, texts))
    return frozenset(NeedKind) - (frozenset({NeedKind.SERVICES}) if with_flows else frozenset())


def _recorded(files: Sequence[str]) -> tuple[RecordedFlow, ...]:
    """Return the connections of some CSV files.

    Raises:
        UsageError: some line cannot be used; all of them are told.
    """
    found, problems = list[RecordedFlow](), list[Problem]()
    for file in files:
        name, data = read_file("--flows", file)
        flows, wrong = recorded_flows(data.decode("utf-8", "replace"), name)
        found += flows
        problems += wrong
    if problems:
        lines = [f"{item.place}: {item.message}" + (f"\n  hint: {item.hint}" if item.hint else "") for item in problems]
        head = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
        raise UsageError(f"the recorded connections cannot be used: {head}\n" + "\n".join(lines))
    return tuple(dict.fromkeys(found))
