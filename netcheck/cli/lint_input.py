"""`netcheck lint`: what is wrong or dangerous."""

from __future__ import annotations

from collections.abc import Iterable

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.config import LintConfig
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.lint.finding import SEVERITIES, LintResult, LintSettings
from netcheck.lint.run import lint as check
from netcheck.model.cluster import Loaded
from netcheck.report.finding_table import finding_table
from netcheck.report.json_findings import findings

FORMATS = ("table", "json")


@click.command("lint", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    says="warning",
    text="Exit 1 on findings of this severity or a worse one.",
)
@flag("--pedantic", text="Heuristic rules too: they may cry wolf.")
@option("--select", metavar="RULE", multiple=True, says="all", text="Only this rule, by its code or name. Repeatable.")
@option("--ignore", metavar="RULE", multiple=True, says="none", text="Not this rule. Repeatable; wins over --select.")
def lint(
    inputs: Inputs, *, fail_on: str | None, pedantic: bool, select: tuple[str, ...], ignore: tuple[str, ...]
) -> int:
    """Say what is wrong or dangerous in the policies: the rules of `netcheck rules`.

    Exit 0 iff there is no finding at or above --fail-on, 1 iff there is one.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    config = configuration(inputs)
    settings = _settings(config.lint, pedantic, select, ignore)
    loaded = load_inputs(inputs, config)
    result = check(loaded, settings)
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, result) for item in outputs})
    return exit_codes.decide(
        negative=_fails(result, fail_on or config.lint.fail_on or "warning"),
        incomplete=is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, result: LintResult) -> Iterable[str]:
    if output.format == "json":
        return findings(loaded, result)
    return finding_table(loaded, result, style_of(output, inputs))


def _settings(config: LintConfig, pedantic: bool, select: tuple[str, ...], ignore: tuple[str, ...]) -> LintSettings:
    return LintSettings(
        pedantic=pedantic,
        select=split_names(select) or config.select,
        ignore=split_names(ignore) | config.ignore,
        severity=config.severity,
    )


def _fails(result: LintResult, fail_on: str) -> bool:
    ranks: dict[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    return any(ranks[finding.severity] <= ranks[fail_on] for finding in result.findings)
