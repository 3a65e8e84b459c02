"""`netcheck lint`: what is wrong or dangerous."""

from __future__ import annotations

from collections.abc import Iterable

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.config import SEVERITIES, LintConfig
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.cli.suggest import did_you_mean
from netcheck.errors import UsageError
from netcheck.lint.catalogue import RULES
from netcheck.lint.finding import LintResult, LintSettings
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
@option(
    "--select", metavar="RULE", multiple=True, says="all", text="Only this rule: NC101, its name, or NC1. Repeatable."
)
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
    severity = {code: text for name, text in config.severity.items() for code in codes_of(name, "lint.severity")}
    return LintSettings(
        pedantic=pedantic,
        select=_codes(split_names(select) or config.select, "--select"),
        ignore=_codes(split_names(ignore) | config.ignore, "--ignore"),
        severity=severity,
    )


def _codes(names: Iterable[str], option_name: str) -> frozenset[str]:
    return frozenset(code for name in sorted(names) for code in codes_of(name, option_name))


def codes_of(name: str, option_name: str) -> tuple[str, ...]:
    """Return the codes that a code, a rule's name, or the beginning of codes means.

    Raises:
        UsageError: no rule is meant.
    """
    exact = tuple(rule.code for rule in RULES if name.upper() == rule.code or name.lower() == rule.name)
    group = tuple(rule.code for rule in RULES if name and rule.code.startswith(name.upper()))
    if not exact and not group:
        known = [word for rule in RULES for word in (rule.code, rule.name)]
        close = did_you_mean(name, known)
        hint = close if "did you mean" in close else "; `netcheck rules` lists them"
        raise UsageError(f"{option_name}: there is no rule `{name}`{hint}")
    return exact or group


def _fails(result: LintResult, fail_on: str) -> bool:
    worst = SEVERITIES.index(fail_on)
    return any(SEVERITIES.index(finding.severity) <= worst for finding in result.findings)
