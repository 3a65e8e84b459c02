"""`netcheck rules` and `netcheck explain`: the lint rules, offline."""

from __future__ import annotations

import sys

import click
import tabulate

from netcheck.cli import exit_codes
from netcheck.cli.options import CONTEXT, flag
from netcheck.lint.catalogue import RULES, find_rule

DEBUG = flag("--debug", text="A traceback with every error.")


@click.command("rules", context_settings=CONTEXT)
@DEBUG
def rules(debug: bool) -> int:
    """List all lint rules: code, name, severity, how each is decided, and what it finds."""
    del debug
    rows = [(rule.code, rule.name, rule.severity, rule.basis, rule.summary) for rule in RULES]
    sys.stdout.write(tabulate.tabulate(rows, headers=("code", "name", "severity", "basis", "finds"), tablefmt="plain"))
    sys.stdout.write("\n")
    return exit_codes.OK


@click.command("explain", context_settings=CONTEXT)
@click.argument("rule", metavar="RULE")
@DEBUG
def explain(rule: str, debug: bool) -> int:
    """Print the page of a lint rule, by its code or its name."""
    del debug
    found = find_rule(rule)
    sys.stdout.write(f"{found.code} {found.name} ({found.severity}, {found.basis})\n\n{found.page.strip()}\n")
    return exit_codes.OK
