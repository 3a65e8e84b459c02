"""The project's own rules: who may import whom, how long things may be, and what must not be written anywhere."""

from __future__ import annotations

import ast
import importlib.util
import re
import statistics
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "netcheck"
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "base", "misc"}
LONGEST_FUNCTION, MEDIAN_FUNCTION, LONGEST_FILE = 60, 10, 600
HOMES = {"z3": {"engines"}, "yaml": {"load"}, "kubernetes": {"load"}, "click": {"cli"}}
"""Third-party package -> the only package of netcheck that may import it."""

MODULES = sorted(PACKAGE.rglob("*.py"))
EACH_MODULE = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# ------------------------------------------------------------------------------------------------ import contract


def exists(module):
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def present(line):
    """Keep the modules of a layer (`a | b`) that exist already."""
    return " | ".join(name for name in line.split(" | ") if not name.startswith("netcheck") or exists(name))


def contracts():
    """Return the contracts of pyproject.toml, without the modules that nobody has written yet."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    lists = ("layers", "source_modules", "forbidden_modules", "modules")
    cut = [
        {key: [one for one in map(present, value) if one] if key in lists else value for key, value in contract.items()}
        for contract in found
    ]
    return [one for one in cut if all(one.get(key, True) for key in lists)]


def run_linter(rules, folder):
    lines = ["[importlinter]", "root_package = netcheck", "include_external_packages = True"]
    for number, contract in enumerate(rules):
        lines.append(f"[importlinter:contract:{number}]")
        for key, value in contract.items():
            text = "".join(f"\n    {one}" for one in value) if isinstance(value, list) else str(value)
            lines.append(f"{key} = {text}")
    config = folder / "contracts.ini"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    command += ["--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_packages_import_only_from_lower_floors(tmp_path):
    pytest.importorskip("importlinter")
    done = run_linter(contracts(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_import_linter_bites_when_a_contract_is_turned_around(tmp_path):
    pytest.importorskip("importlinter")
    upside_down = {"name": "upside down", "type": "layers", "layers": ["netcheck.values", "netcheck.model"]}
    done = run_linter([upside_down], tmp_path)
    assert done.returncode == 1
    assert "1 broken" in done.stdout


def imported(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", sorted(HOMES))
def test_a_third_party_package_has_one_home(package):
    users = [path for path in MODULES if any(name.split(".")[0] == package for name in imported(path))]
    floors = {path.relative_to(PACKAGE).parts[0] for path in users}
    assert floors <= HOMES[package]
    if package == "z3":  # one module for flows, one for requests, and one for the choice of edits
        assert {path.name for path in users} <= {"smt.py", "requests_smt.py", "repairs_smt.py", "covers_smt.py"}, users
    elif package != "click":
        assert len(users) <= 1, users


def test_every_package_is_named_for_what_it_holds():
    names = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not names & FORBIDDEN_NAMES


# -------------------------------------------------------------------------------------------------------- budgets


def functions(path):
    """Yield (name, lines, node) of each function; its decorators and docstring are not counted."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                length -= first.end_lineno - first.lineno + 1
            yield node.name, length, node


def test_the_median_function_is_short():
    lengths = [length for path in MODULES for _, length, _ in functions(path)]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION


@EACH_MODULE
def test_a_long_function_says_why(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    unexplained = [
        f"{name}: {length} lines"
        for name, length, node in functions(path)
        if length > LONGEST_FUNCTION and "# Long because" not in "\n".join(lines[node.lineno - 2 : node.end_lineno])
    ]
    assert not unexplained


@EACH_MODULE
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


# ------------------------------------------------------------------------------------------------ what is written


@EACH_MODULE
def test_a_module_opens_with_what_it_defines(path):
    assert ast.get_docstring(parsed(path))


@EACH_MODULE
def test_only_the_command_line_prints(path):
    calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    printing = [f"line {node.lineno}" for node in calls if node.func.id == "print"]
    assert not printing or path.relative_to(PACKAGE).parts[0] == "cli"


@EACH_MODULE
def test_unfinished_work_names_its_issue(path):
    text = path.read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if re.search(r"\b(TODO|FIXME|XXX)\b(?!.*#\d+)", line)]


@EACH_MODULE
def test_nothing_writes_to_a_cluster(path):
    writing = r"\b(create|patch|delete|replace|connect)_(namespaced|cluster|node|namespace)\w*\("
    assert not re.search(writing, path.read_text(encoding="utf-8"))


@EACH_MODULE
def test_no_default_of_a_function_can_be_changed(path):
    for _, _, node in functions(path):
        for default in (*node.args.defaults, *node.args.kw_defaults):
            assert not isinstance(default, ast.List | ast.Dict | ast.Set), f"line {node.lineno}"


def test_no_committed_file_names_a_path_of_the_machine_it_was_written_on():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    machine = re.compile(r"(?<![\w.])/(work/(main|shared)|tmp/venv)\b")
    here = Path(__file__).resolve()
    named = []
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.resolve() != here and machine.search(path.read_text("utf-8", errors="replace")):
            named.append(name)
    assert not named


# ------------------------------------------------------------------------------------------------------- start-up


def test_starting_the_command_loads_nothing_heavy():
    if not exists("netcheck.cli.main"):
        pytest.skip("netcheck.cli.main does not exist yet")
    assert importlib.util.find_spec("netcheck.cli.main")
    heavy = ("z3", "kubernetes", "yaml", "msgspec", "rich", "numpy")
    program = f"import sys, netcheck.cli.main; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
