"""`netcheck verify`: do these intents hold?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.given_files import intents_of, read_file
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input, solver_timeout
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.repository import relative_to_repository
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.cluster import Loaded
from netcheck.queries.verify import verify as answer
from netcheck.queries.verify_results import Outcome, Verification
from netcheck.report.verify_json import verification
from netcheck.report.verify_table import verify_text

FORMATS = ("table", "json", "csv", "md", "sarif", "junit", "github", "gitlab")
NO_INTENTS = (
    "there are no intents\n  hint: name a file with --intents; `netcheck init-intents` drafts one from what is allowed"
)


@click.command("verify", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--intents",
    "files",
    metavar="FILE",
    multiple=True,
    says="those among the sources",
    text="A file with intents (kind: Intents or Intent). Repeatable; intents among the sources count too.",
)
@flag("--why", text="Of what holds because policies deny it: the minimal sets of policies, and who evades them.")
@flag("--repair", text="Of what is violated: the smallest edits of NetworkPolicies that make it hold, each proved.")
@solver_timeout(
    "How long one question to the solver may take, and the repair of one intent; then its answer is unknown."
)
def verify(inputs: Inputs, *, files: tuple[str, ...], why: bool, repair: bool, solver_timeout: float) -> int:
    """Say of each intent whether it holds: `allow`, `deny` and `only`, of the pods that exist or of all that could be
    created; each violation with a witness and the policies that decide it. docs/intents.md describes the file.

    Exit 0 iff all hold, 1 iff one is violated or matches nothing, 4 iff one is unknown.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    given = [read_file("--intents", file) for file in files]
    loaded = load_inputs(inputs, configuration(inputs))
    intents = intents_of(given, loaded, inputs)
    if not intents:
        raise UsageError(NO_INTENTS)
    timeout_ms = max(1, round(solver_timeout * 1000))
    found = answer(loaded.cluster, intents, timeout_ms=timeout_ms, why=why)
    if repair:
        from netcheck.queries.repair import with_repairs  # noqa: PLC0415 - the solver is loaded when it is wanted

        reported = {item.intent.name for item in _scoped(loaded, found, inputs).results}
        found = with_repairs(loaded.cluster, found, timeout_ms=timeout_ms, of=reported)
    found = _scoped(loaded, found, inputs)
    if to_stdout(outputs) not in ("json", "sarif", "github"):
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found) for item in outputs})
    return exit_codes.decide(
        negative=found.count(Outcome.VIOLATED) > 0,
        incomplete=found.count(Outcome.UNKNOWN) > 0 or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _scoped(loaded: Loaded, found: Verification, inputs: Inputs) -> Verification:
    """Return the answers about the namespaces that are reported."""
    if not inputs.only_namespace and not inputs.exclude_namespace:
        return found
    from netcheck.queries.verify_scope import scoped  # noqa: PLC0415 - loaded when it is wanted

    only, without = split_names(inputs.only_namespace), split_names(inputs.exclude_namespace)
    return scoped(loaded.cluster, found, only, without)


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: Verification) -> Iterable[str]:
    if output.format == "json":
        return verification(loaded, found)
    if output.format == "table":
        return verify_text(loaded, found, style_of(output, inputs))
    if output.format == "md":
        from netcheck.report.verify_markdown import verify_markdown  # noqa: PLC0415 - loaded when it is wanted

        return verify_markdown(loaded, found)
    from netcheck.report import verify_machine as machine  # noqa: PLC0415 - loaded when it is wanted

    relative = relative_to_repository(Path.cwd())
    if output.format == "csv":
        return machine.verify_csv(found)
    if output.format == "sarif":
        return machine.verify_sarif(loaded, found, relative)
    if output.format == "junit":
        return machine.verify_junit(found, relative)
    if output.format == "github":
        return machine.verify_github(loaded, found, relative)
    return machine.verify_gitlab(found, relative)
