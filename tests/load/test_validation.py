"""Every verdict and default that a real API server gave (`apiserver/validation.json`, where it is at hand)."""

import json
from pathlib import Path

import pytest

from netcheck.errors import InputError, Severity
from netcheck.load.loader import load_text
from netcheck.model.policy import IPBlockPeer

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "apiserver" / "validation.json"
CASES = json.loads(RECORDED.read_text()) if RECORDED.exists() else []

pytestmark = pytest.mark.skipif(not CASES, reason="no recorded verdicts of an API server")


def problems_of(manifest):
    try:
        return load_text(manifest).problems, False
    except InputError as error:
        return error.problems, True


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_netcheck_refuses_what_a_server_refuses(case):
    problems, nothing = problems_of(case["manifest"])
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if case["ignore"]["accepted"] and case["strict"]["accepted"]:
        assert not errors
        assert not nothing
    elif case.get("olderServersAccept") or case["ignore"]["accepted"]:
        assert problems
    else:
        assert errors or nothing


def selector(found):
    out = {}
    for item in found.requirements:
        out[item.key, item.operator.value] = list(item.values)
    return out


def stored_selector(stored):
    out = {(key, "In"): [value] for key, value in (stored.get("matchLabels") or {}).items()}
    for item in stored.get("matchExpressions") or []:
        out[item["key"], item["operator"]] = sorted(set(item.get("values") or []))
    return out


def rule_as_stored(rule, peers):
    out = {}
    if rule.ports:
        out["ports"] = []
        for port in rule.ports:
            item = {"protocol": port.protocol}
            if port.port is not None:
                item["port"] = port.port
            if port.end_port is not None:
                item["endPort"] = port.end_port
            out["ports"].append(item)
    if rule.peers:
        out[peers] = len(rule.peers)
    return out


def stored_rule(rule, peers):
    out = {key: value for key, value in rule.items() if key == "ports"}
    if rule.get(peers):
        out[peers] = len(rule[peers])
    return out


POLICIES = [
    case for case in CASES if case.get("stored", {}).get("kind") == "NetworkPolicy" and case["strict"]["accepted"]
]


@pytest.mark.parametrize("case", POLICIES, ids=[case["case"] for case in POLICIES])
def test_a_policy_is_kept_as_the_server_stores_it(case):
    (policy,) = load_text(case["manifest"]).cluster.policies
    stored = case["stored"]["spec"]
    assert {kind.value for kind in policy.types} == set(stored["policyTypes"])
    assert selector(policy.pod_selector) == stored_selector(stored.get("podSelector") or {})
    for mine, key, peers in ((policy.ingress, "ingress", "from"), (policy.egress, "egress", "to")):
        theirs = stored.get(key) or []
        assert [rule_as_stored(rule, peers) for rule in mine] == [stored_rule(rule, peers) for rule in theirs]
        for rule, other in zip(mine, theirs, strict=True):
            for peer, written in zip(rule.peers, other.get(peers) or [], strict=True):
                assert isinstance(peer, IPBlockPeer) == ("ipBlock" in written)
                if isinstance(peer, IPBlockPeer):
                    assert len(peer.excepts) == len(written["ipBlock"].get("except") or [])
