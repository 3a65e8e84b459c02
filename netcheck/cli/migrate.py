"""`netcheck migrate`: AdminNetworkPolicies as ClusterNetworkPolicies that are proved to allow the same flows."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs
from netcheck.cli.options import CONTEXT, Inputs, reads_input, solver_timeout
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.model.cluster import Loaded
from netcheck.queries.migrate import Migration
from netcheck.queries.migrate import migrate as rewrite
from netcheck.report.migration import migration_json, migration_yaml
from netcheck.report.query_text import flow_text

FORMATS = ("yaml", "json")


@click.command("migrate", context_settings=CONTEXT)
@reads_input(*FORMATS)
@solver_timeout("How long one question to the solver may take; then nothing is proved, nor printed.")
def migrate(inputs: Inputs, *, solver_timeout: float) -> int:
    """Rewrite AdminNetworkPolicies and the baseline one as ClusterNetworkPolicies (v1alpha2).

    Z3 proves that the new objects allow exactly the same flows in every cluster that could exist; without the proof
    nothing is printed. Exit 0 iff everything was rewritten and proved, else 4.
    """
    outputs = parse_outputs(inputs.output or FORMATS[:1], FORMATS)
    loaded = load_inputs(inputs, configuration(inputs))
    result = rewrite(loaded.cluster, timeout_ms=int(solver_timeout * 1000))
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    _tell(result, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, loaded, result) for item in outputs})
    return exit_codes.decide(
        negative=False,
        incomplete=not result.proof.holds or bool(result.left) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete and result.proof.holds,
    )


for _parameter in migrate.params:
    if isinstance(_parameter, click.Option) and _parameter.name == "output" and _parameter.help:
        _parameter.help = _parameter.help.replace("[default: table]", "[default: yaml]")


def _pieces(output: Output, loaded: Loaded, result: Migration) -> Iterable[str]:
    return migration_json(loaded, result) if output.format == "json" else migration_yaml(result)


def _tell(result: Migration, *, quiet: bool) -> None:
    """Write on stderr what was proved, or why nothing was, and what is left."""
    lines = [_proof_text(result)] if not quiet or not result.proof.holds else []
    for left in result.left:
        where = f"{left.place}: " if left.place is not None else ""
        lines.append(f"{where}error: {left.object} is not rewritten: {left.message}")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _proof_text(result: Migration) -> str:
    proof = result.proof
    if proof.limit:
        return f"not proved, so nothing is printed: {proof.limit}\n  hint: give more time with --solver-timeout"
    if proof.witness is not None:
        return f"not equal, so nothing is printed: {flow_text(proof.witness)}"
    if not result.rewritten:
        return "netcheck: there is no AdminNetworkPolicy or BaselineAdminNetworkPolicy to rewrite"
    made = screen.count(sum(len(item.policies) for item in result.rewritten), "object")
    return (
        f"proved: the {made} allow exactly the flows that the {screen.count(len(result.rewritten), 'source')} allow, "
        f"in every cluster that could exist and beside any NetworkPolicies"
    )
