"""The configuration file: where it is found, what it may say, and how it is refused."""

from __future__ import annotations

import pytest

from netcheck.cli.config import read_config
from netcheck.errors import UsageError
from netcheck.load.loader import WorkloadKind
from tests.cli.running import QUICKSTART

WHOLE = """\
cni: cilium
assume: {cidrMatchesPods: yes, endPort: unknown}
podCidr: [10.0.0.0/16, "fd00::/64"]
serviceCidr: 10.96.0.0/12
nodeCidr: 192.168.0.0/24, 192.168.1.0/24
namespaces:
  monitoring:
    labels: {purpose: monitoring}
closedWorld: true
workloads:
  - {group: example.com, kind: Thing, template: spec.pod}
lint:
  select: [NC101]
  ignore: dns-blocked
  severity: {NC102: info}
  failOn: error
"""
AS_TOML = """\
[tool.netcheck]
cni = "cilium"
podCidr = ["10.0.0.0/16", "fd00::/64"]
serviceCidr = "10.96.0.0/12"
nodeCidr = "192.168.0.0/24, 192.168.1.0/24"
closedWorld = true
assume = { cidrMatchesPods = true, endPort = "unknown" }
workloads = [{ group = "example.com", kind = "Thing", template = "spec.pod" }]

[tool.netcheck.namespaces.monitoring.labels]
purpose = "monitoring"

[tool.netcheck.lint]
select = ["NC101"]
ignore = "dns-blocked"
severity = { NC102 = "info" }
failOn = "error"
"""


@pytest.mark.parametrize(
    ("name", "text"), [("netcheck.yaml", WHOLE), (".netcheck.yaml", WHOLE), ("pyproject.toml", AS_TOML)]
)
def test_every_key_is_read(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    config = read_config(None, tmp_path)
    assert config.cni == "cilium"
    assert config.assume == {"cidrMatchesPods": "yes", "endPort": "unknown"}
    assert config.pod_cidrs == ("10.0.0.0/16", "fd00::/64")
    assert config.service_cidrs == ("10.96.0.0/12",)
    assert config.node_cidrs == ("192.168.0.0/24", "192.168.1.0/24")
    assert config.namespace_labels == {"monitoring": {"purpose": "monitoring"}}
    assert config.whole
    assert config.workload_kinds == (
        WorkloadKind(api_group="example.com", kind="Thing", template_path=("spec", "pod")),
    )
    assert config.lint.select == {"NC101"}
    assert config.lint.ignore == {"dns-blocked"}
    assert config.lint.severity == {"NC102": "info"}
    assert config.lint.fail_on == "error"


def test_the_nearest_one_counts_and_a_project_without_a_table_is_passed_over(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "netcheck.yaml").write_text("cni: calico\n", encoding="utf-8")
    (inner / "pyproject.toml").write_text('[project]\nname = "netcheck-user"\n', encoding="utf-8")
    assert read_config(None, inner).cni == "calico"
    (tmp_path / "a" / ".netcheck.yaml").write_text("cni: antrea\n", encoding="utf-8")
    assert read_config(None, inner).cni == "antrea"


def test_an_empty_one_says_nothing(tmp_path):
    (tmp_path / "netcheck.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert read_config(None, tmp_path).cni == ""


REFUSED = {
    "unknown key": (
        "cni: calico\npodCidrs: 10.0.0.0/8\n",
        "netcheck.yaml:2:1: unknown key `podCidrs`; did you mean `podCidr`?",
    ),
    "unknown lint key": ("lint:\n  failon: error\n", "2:3: unknown key `failon` in `lint`; did you mean `failOn`?"),
    "unknown namespace key": ("namespaces: {a: {label: {}}}\n", "did you mean `labels`?"),
    "unknown severity": ("lint: {failOn: fatal}\n", "`fatal` is not a severity"),
    "not a mapping": ("- a\n", "must be a mapping"),
    "not a string": ("cni: [calico]\n", "`cni` must be a string"),
    "not a Boolean": ("closedWorld: perhaps\n", "must be true or false"),
    "label is no string": ("namespaces: {a: {labels: {x: 1}}}\n", "must be a string"),
    "workload without kind": ("workloads: [{group: g}]\n", "`kind` is missing"),
    "workloads not a list": ("workloads: {}\n", "must be a list"),
    "not YAML": ("a: [\n", "cannot be read as YAML"),
    "two documents": ("cni: calico\n---\ncni: cilium\n", "one YAML document"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_place(netcheck, tmp_path, name):
    text, told = REFUSED[name]
    (tmp_path / "netcheck.yaml").write_text(text, encoding="utf-8")
    done = netcheck("list", QUICKSTART)
    assert (done.code, done.out) == (2, "")
    assert "netcheck: error: netcheck.yaml" in done.err
    assert told in done.err


def test_a_key_of_a_toml_file_is_found_by_its_line(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.netcheck]\ncni = "calico"\npodcidr = "x"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject.toml:3: unknown key `podcidr`; did you mean `podCidr`\?"):
        read_config(None, tmp_path)


def test_broken_toml_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.netcheck\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_config(None, tmp_path)


def test_a_named_project_file_must_have_the_table(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"has no \[tool.netcheck\]"):
        read_config(str(tmp_path / "pyproject.toml"), tmp_path)


class TestPrecedence:
    def test_the_command_line_wins(self, netcheck, tmp_path):
        (tmp_path / "netcheck.yaml").write_text("cni: nonsense\n", encoding="utf-8")
        assert netcheck("list", QUICKSTART).code == 2
        assert netcheck("list", QUICKSTART, "--cni", "calico").code == 0

    def test_switches_are_merged_one_by_one(self, netcheck, tmp_path):
        (tmp_path / "netcheck.yaml").write_text("assume: {endPort: no, hostNetPeer: yes}\n", encoding="utf-8")
        done = netcheck("list", QUICKSTART, "-o", "json", "--assume", "endPort=unknown")
        messages = [item["message"] for item in done.json["assumptions"]]
        assert "the switch `endPort` is `unknown`, as given" in messages
        assert "the switch `hostNetPeer` is `yes`, as given" in messages
