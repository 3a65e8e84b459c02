"""Help: every option of every command is told, with its default; and starting costs little."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import click
import pytest

from netcheck.cli.main import COMMANDS, cli
from netcheck.cli.options import Inputs

ROOT = Path(__file__).resolve().parents[2]
READING = ("list", "query", "lint")


def command_of(name):
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_with_its_default(name, netcheck):
    shown = " ".join(netcheck(name, "--help").out.split())
    for parameter in command_of(name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert "[default: " in parameter.help, parameter.name
            assert all(text in shown for text in parameter.opts), parameter.opts
            assert " ".join(parameter.help.split()[-2:]) in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does(name, netcheck):
    assert command_of(name).help
    assert name in netcheck("--help").out


@pytest.mark.parametrize("name", READING)
def test_every_command_with_input_has_the_shared_options(name):
    names = {parameter.name for parameter in command_of(name).params}
    assert {field.name for field in fields(Inputs)} <= names


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documentation_names_every_option(name):
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    missing = [
        option
        for parameter in command_of(name).params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if f"`{option}" not in text and f"/{option}" not in text
    ]
    assert not missing


def test_help_starts_quickly():
    """The budget is 0.15 s on a quiet machine (docs/measurements.md); the best of five must keep twice that even on a busy one."""
    program = [sys.executable, "-c", "from netcheck.cli.main import run; run()", "--help"]
    best = min(_seconds(program) for _ in range(5))
    assert best < 0.3


def _seconds(program):
    start = time.perf_counter()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_help_loads_nothing_heavy():
    program = (
        "import sys, netcheck.cli.main as m; m.main(['--help']); m.main(['--version']);"
        "heavy = ('z3', 'kubernetes', 'yaml', 'msgspec', 'tabulate', 'pathspec', 'netcheck.load', 'netcheck.engines');"
        "print('loaded:', *[name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "loaded:"
