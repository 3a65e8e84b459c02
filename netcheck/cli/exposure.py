"""`netcheck exposure`: what reaches each workload, and through which door."""

from __future__ import annotations

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, may_be_unread, split_names
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input, solver_timeout
from netcheck.cli.outputs import parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.cluster import Cluster
from netcheck.queries.exposure import exposure as answer
from netcheck.queries.exposure_results import Exposure, not_meant, parse_allowance
from netcheck.report.exposure_json import exposure_document
from netcheck.report.exposure_table import exposure_table

FORMATS = ("table", "json")


@click.command("exposure", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--allow",
    metavar="LEVEL|DOOR[:NS/NAME]",
    multiple=True,
    says="nodes",
    text="What may be open. A level: none, cluster (other pods), nodes (also nodes, pod addresses, metadata), internet; or "
    "a door such as Ingress, or one of an object or workload: LoadBalancer:shop/web. Repeatable.",
)
@option(
    "--workload",
    "--focus",
    "focus",
    metavar="NAME",
    multiple=True,
    says="all",
    text="Only this workload: `namespace/name` or an id. Repeatable.",
)
@solver_timeout("How long one question to the solver may take; then its answer is unknown.")
def exposure(inputs: Inputs, *, allow: tuple[str, ...], focus: tuple[str, ...], solver_timeout: float) -> int:
    """Show what reaches each workload: load balancers, node ports, host ports, proxies, other namespaces, pods that do
    not exist yet, nodes; and whether it reaches the cloud's metadata.

    Exit 0 iff no door is open that --allow does not name, 1 iff some is, 4 iff that depends on what is unknown.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    allowance = parse_allowance(allow)
    loaded = load_inputs(inputs, configuration(inputs))
    found = answer(
        loaded.cluster,
        only_namespaces=split_names(inputs.only_namespace),
        exclude_namespaces=split_names(inputs.exclude_namespace),
        focus=focus,
        timeout_ms=max(1, round(solver_timeout * 1000)),
    )
    _check_focus(loaded.cluster, focus, found)
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    pieces = {
        item.format: exposure_document(loaded, found)
        if item.format == "json"
        else exposure_table(loaded, found, style_of(item, inputs))
        for item in outputs
    }
    write(outputs, pieces)
    negative, unknown = not_meant(found.workloads, allowance)
    return exit_codes.decide(
        negative=negative,
        incomplete=is_lossy(loaded) or (unknown and not negative),
        allow_incomplete=inputs.allow_incomplete,
    )


def _check_focus(cluster: Cluster, focus: tuple[str, ...], found: Exposure) -> None:
    """Refuse a name of which there is no workload: an empty answer would look like a safe one."""
    known = {
        text
        for item in found.workloads
        for text in (item.endpoint.id, f"{item.endpoint.namespace}/{item.endpoint.name}", item.endpoint.name)
    }
    for text in focus:
        if text not in known and not may_be_unread(cluster, text):
            names = sorted({f"{pod.workload.namespace}/{pod.workload.name}" for pod in cluster.pods})
            raise UsageError(f"--workload: there is no workload `{text}`{did_you_mean(text, names)}")
