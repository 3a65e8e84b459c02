"""`netcheck migrate`: its outputs, streams and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import netcheck.cli.main
from netcheck.cli.main import COMMANDS
from netcheck.errors import SolverLimit
from netcheck.load.loader import load_text
from netcheck.model.flow import Tier
from netcheck.queries import migrate as module
from netcheck.queries.migrate import Proof
from netcheck.queries.results import FlowText

SCHEMA = Path(netcheck.cli.main.__file__).parents[1] / "report" / "schemas" / "Migration.json"
GUARD = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: guard}
spec:
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: "1"}}}}
  ingress:
  - name: web
    action: Allow
    from: [{namespaces: {matchLabels: {team: a}}}]
    ports: [{portNumber: {port: 80}}, {portRange: {protocol: UDP, start: 53, end: 53}}, {namedPort: http}]
  egress:
  - {action: Deny, to: [{networks: [10.0.0.0/8]}], ports: [{portRange: {start: 1, end: 100}}]}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""
REFUSED = GUARD.replace("priority: 5", "priority: 5000")
PRINTED = """# replaces AdminNetworkPolicy guard (<stdin>:2:1)
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: guard
spec:
  tier: Admin
  priority: 5
  subject:
    pods:
      namespaceSelector: {}
      podSelector:
        matchLabels:
          app: "1"
  ingress:
  - name: web
    action: Accept
    from:
    - namespaces:
        matchLabels:
          team: a
    protocols:
    - tcp:
        destinationPort:
          number: 80
    - udp:
        destinationPort:
          number: 53
    - destinationNamedPort: http
  egress:
  - action: Deny
    to:
    - networks:
      - "10.0.0.0/8"
    protocols:
    - tcp:
        destinationPort:
          range:
            start: 1
            end: 100
---
# replaces BaselineAdminNetworkPolicy default (<stdin>:16:1)
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: default
spec:
  tier: Baseline
  priority: 1000
  subject:
    namespaces: {}
  ingress:
  - action: Deny
    from:
    - namespaces: {}
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    line = ("migrate", "migrate", "AdminNetworkPolicies as ClusterNetworkPolicies, with the proof.")
    monkeypatch.setattr(netcheck.cli.main, "COMMANDS", {**COMMANDS, "migrate": line})


def unproved(monkeypatch, proof):
    monkeypatch.setattr(module, "prove_equal", lambda *_, **__: proof)


def test_yaml_is_the_default(netcheck):
    done = netcheck("migrate", "-", stdin=GUARD)
    assert (done.code, done.out) == (0, PRINTED)
    assert done.err.startswith("proved: the 2 objects allow exactly the flows that the 2 sources allow")


def test_what_is_printed_loads_without_problems(netcheck):
    loaded = load_text(netcheck("migrate", "-", stdin=GUARD).out)
    assert loaded.problems == ()
    assert [policy.tier for policy in loaded.cluster.admin] == [Tier.BASELINE, Tier.ADMIN]


def test_json_is_valid(netcheck):
    document = netcheck("migrate", "-", "-o", "json", stdin=GUARD).json
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [item["replaces"] for item in document["objects"]] == [
        "AdminNetworkPolicy guard",
        "BaselineAdminNetworkPolicy default",
    ]
    assert document["proof"] == {"holds": True}


def test_nothing_to_rewrite(netcheck):
    done = netcheck("migrate", "-", stdin=netcheck("migrate", "-", stdin=GUARD).out)
    assert (done.code, done.out) == (0, "")
    assert "there is no AdminNetworkPolicy" in done.err


def test_what_cannot_be_rewritten_is_told(netcheck):
    done = netcheck("migrate", "-", stdin=REFUSED)
    assert done.code == 4
    assert "AdminNetworkPolicy guard is not rewritten: the API server refuses it" in done.err
    assert "name: default" in done.out
    assert "guard" not in done.out


@pytest.mark.parametrize("allow", [(), ("--allow-incomplete",)])
def test_without_a_proof_nothing_is_printed(netcheck, monkeypatch, allow):
    unproved(monkeypatch, Proof(witness=FlowText(source="a", destination="b", note="they differ for ingress")))
    done = netcheck("migrate", "-", *allow, stdin=GUARD)
    assert (done.code, done.out) == (4, "")
    assert done.err == "not equal, so nothing is printed: a -> b (they differ for ingress)\n"


def test_a_witness_is_in_the_json(netcheck, monkeypatch):
    unproved(monkeypatch, Proof(witness=FlowText(source="a", destination="b")))
    done = netcheck("migrate", "-", "-o", "json", stdin=GUARD)
    jsonschema.validate(done.json, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (done.code, done.json["objects"]) == (4, [])
    assert done.json["proof"] == {"holds": False, "witness": {"source": "a", "destination": "b"}}


def test_a_solver_that_gives_up_proves_nothing(netcheck, monkeypatch):
    def give_up(*_, **__):
        raise SolverLimit("the solver gave up: timeout")

    monkeypatch.setattr(module, "separating_flow", give_up)
    done = netcheck("migrate", "-", stdin=GUARD)
    assert (done.code, done.out) == (4, "")
    assert "not proved" in done.err


def test_quiet_says_nothing_of_a_success(netcheck):
    assert netcheck("migrate", "-", "-q", stdin=GUARD).err == ""
