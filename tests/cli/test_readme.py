"""The README shows what netcheck really prints, and every command that it names exists."""

from __future__ import annotations

import re
import shlex

import pytest

from netcheck.cli.main import COMMANDS, main
from tests.cli.running import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:console)?\n(.*?)```", README, re.DOTALL)


def shown(arguments, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    main(arguments)
    return capsys.readouterr().out


def test_the_list_is_what_list_prints(capsys, monkeypatch):
    assert shown(["list", "testdata/quickstart"], capsys, monkeypatch) in BLOCKS


def test_the_query_is_what_query_prints(capsys, monkeypatch):
    command, _, output = next(block for block in BLOCKS if block.startswith("$ netcheck query testdata")).partition(
        "\n"
    )
    assert shown(shlex.split(command)[2:], capsys, monkeypatch) == output


def test_the_trace_is_what_trace_prints(capsys, monkeypatch):
    command, _, output = next(block for block in BLOCKS if block.startswith("$ netcheck trace testdata")).partition(
        "\n"
    )
    assert shown(shlex.split(command)[2:], capsys, monkeypatch) == output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named(name):
    assert f"`netcheck {name}" in README


def test_no_command_is_named_that_does_not_exist():
    named = set(re.findall(r"^(?:\$ |.*\| )?netcheck (\w+)", "\n".join(BLOCKS), re.MULTILINE))
    assert named <= set(COMMANDS)
