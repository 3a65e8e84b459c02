"""`netcheck query`: can A reach B?"""

from __future__ import annotations

import functools
from dataclasses import replace

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.config import Config
from netcheck.cli.inputs import configuration, default_namespace, is_lossy, load_inputs
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input, solver_timeout
from netcheck.cli.outputs import parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.model.flow import Verdict
from netcheck.model.profile import SWITCH_FIELDS, Switch
from netcheck.queries.explain import under_every_profile
from netcheck.queries.reach import query as answer
from netcheck.report.json_v1 import query_result
from netcheck.report.query_text import query_text
from netcheck.values.ports import Protocol

FORMATS = ("table", "json")


@click.command("query", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--from",
    "source",
    metavar="END",
    required=True,
    says="none, must be given",
    text="Who connects: `ns/name`, `ns/kind/name`, pod:ns/name, ingress:ns/name, gateway:ns/name, an address or CIDR, internet, "
    "node:NAME, own-node, labels such as `ns=prod,app in (a,b)`, or `any-pod`.",
)
@option(
    "--to",
    "destination",
    metavar="END",
    required=True,
    says="none, must be given",
    text="Who is connected to: as for --from, or svc:ns/name.",
)
@option(
    "--port",
    metavar="PORT",
    says="any",
    text="A number, a range such as 8000-8100, or a name. Without it: allowed iff some port is, and which.",
)
@option(
    "--protocol",
    type=click.Choice([item.value for item in Protocol], case_sensitive=False),
    says="any; TCP with --port",
    text="The protocol.",
)
@solver_timeout("How long one question to the solver may take; then its answer is unknown.")
@flag("--all-profiles", text="Also the verdict under every CNI profile, with the switches of --assume set in each.")
def query(
    inputs: Inputs,
    *,
    source: str,
    destination: str,
    port: str | None,
    protocol: str | None,
    solver_timeout: float,
    all_profiles: bool,
) -> int:
    """Say whether A can reach B: a witness, every policy on its way, and for a denial what blocks it and what would
    open it.

    Exit 0 iff everything asked is reachable, 1 iff something is not, 4 iff something is unknown; other profiles
    do not count.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    config = configuration(inputs)
    loaded = load_inputs(inputs, config)
    ask = functools.partial(
        answer,
        source=source,
        destination=destination,
        port=port,
        protocol=protocol,
        default_namespace=default_namespace(inputs, loaded),
        timeout_ms=max(1, round(solver_timeout * 1000)),
    )
    result = ask(loaded.cluster)
    if all_profiles:
        others = under_every_profile(loaded.cluster, _assumed(inputs, config), functools.partial(ask, explain=False))
        result = replace(result, profiles=others)
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    pieces = {
        item.format: query_result(loaded, result)
        if item.format == "json"
        else query_text(loaded, result, style_of(item, inputs))
        for item in outputs
    }
    write(outputs, pieces)
    return exit_codes.decide(
        negative=result.verdict is not Verdict.ALLOWED,
        incomplete=result.verdict is Verdict.UNKNOWN or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _assumed(inputs: Inputs, config: Config) -> dict[str, Switch]:
    """Return the switches that the user set, which loading has checked, as fields of a profile."""
    given = {**config.assume, **dict(text.split("=", 1) for text in inputs.assume)}
    return {SWITCH_FIELDS[name.strip()]: Switch(value.strip()) for name, value in given.items()}
