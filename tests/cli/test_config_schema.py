"""The JSON Schema of the configuration says what the reader says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from netcheck.cli.config import KEYS, LINT_KEYS, PATH_KEYS, read_config
from netcheck.errors import UsageError
from netcheck.model.profile import PROFILES

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "netcheck" / "report" / "schemas" / "Config.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DOCUMENTED = re.search(r"## Configuration.*?```yaml\n(.*?)```", (ROOT / "docs" / "cli.md").read_text(), re.DOTALL)


def test_the_schema_has_the_keys_of_the_reader():
    lint = SCHEMA["properties"]["lint"]["properties"]
    assert set(SCHEMA["properties"]) == set(KEYS)
    assert set(lint) == set(LINT_KEYS)
    assert set(lint["paths"]["additionalProperties"]["properties"]) == set(PATH_KEYS)
    assert SCHEMA["properties"]["cni"]["enum"] == [*PROFILES, "auto"]


def test_the_documented_example_is_valid_for_both(tmp_path):
    assert DOCUMENTED is not None
    VALIDATOR.validate(yaml.safe_load(DOCUMENTED[1]))
    (tmp_path / "netcheck.yaml").write_text(DOCUMENTED[1])
    assert read_config(None, tmp_path).lint.baseline == ".netcheck-baseline.json"


@pytest.mark.parametrize(
    "text",
    [
        "cnu: cilium",
        "cni: [cilium]",
        "closedWorld: 'yes'",
        "lint: {selekt: [NC101]}",
        "lint: {failOn: fatal}",
        "lint: {severity: {NC101: bad}}",
        "lint: {paths: {'*': {select: [NC101]}}}",
        "lint: {baseline: [a]}",
        "namespaces: {a: {label: {}}}",
        "workloads: [{kind: A}]",
        "ingressControllers: [{namespace: a, labels: {b: c}, klass: d}]",
        "podCidr: 8",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(tmp_path, text):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))
    (tmp_path / "netcheck.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"netcheck\.yaml:1:\d+: "):
        read_config(None, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "lint:", "podCidr: 10.0.0.0/8", "assume: {cidrMatchesPods: no}", "lint: {ignore: NC101, paths: {'a/*': }}"],
)
def test_what_the_reader_takes_is_valid(tmp_path, text):
    VALIDATOR.validate(yaml.safe_load(text))
    (tmp_path / "netcheck.yaml").write_text(text)
    read_config(None, tmp_path)
