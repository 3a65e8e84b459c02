"""A green comparison means something only if it turns red: a fault planted in any of the three ways is caught."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from netcheck.engines import entries as entries_module
from netcheck.engines import lowering, tables, terms
from netcheck.engines.sets import SetEngine
from netcheck.engines.smt import SmtEngine
from netcheck.semantics import matching, network_policy
from netcheck.values.labels import LabelSelector, Operator, Requirement
from tests import smallscope, strategies
from tests.agree.compare import oracle_against_sets, sets_against_z3

CLUSTERS = 400


def _small_scope_differs() -> bool:
    flows = smallscope.flows()[::7]
    return any(
        oracle_against_sets(cluster, flows)[1] is not None
        for cluster in islice(smallscope.one_policy_clusters(), 0, smallscope.COUNT, 9)
    )


def _generated_differ() -> bool:
    return any(
        oracle_against_sets(cluster, strategies.sample_flows(random.Random(seed), cluster, 200))[1] is not None
        for seed, cluster in ((seed, strategies.of_seed(seed)) for seed in range(150))
    )


def _z3_refutes() -> bool:
    return any(sets_against_z3(strategies.of_seed(seed, admin=bool(seed % 2))) is not None for seed in range(CLUSTERS))


def test_without_a_fault_nothing_is_found() -> None:
    assert not _small_scope_differs()
    assert not _generated_differ()


@pytest.mark.parametrize("fault", ["selectors match all", "except is ignored", "egress reads ingress"])
def test_a_fault_in_the_oracle_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    match fault:
        case "selectors match all":
            monkeypatch.setattr(network_policy, "selector_matches", lambda _selector, _get: True)
        case "except is ignored":
            monkeypatch.setattr(
                network_policy, "block_holds", lambda address, cidr, _excepts: matching.address_in(address, cidr)
            )
        case "egress reads ingress":
            monkeypatch.setattr(network_policy, "rules_of", lambda policy, _direction: policy.ingress)
    assert _small_scope_differs() or _generated_differ()


@pytest.mark.parametrize("fault", ["not in", "first peer only", "named port", "labels together", "families"])
def test_a_fault_in_the_sets_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    match fault:
        case "not in":
            original = lowering._LocalLabels._requirement

            def presence(self: object, requirement: Requirement) -> int:
                found = original(self, requirement)
                absent = original(self, Requirement(requirement.key, Operator.DOES_NOT_EXIST))
                return found & ~absent if requirement.operator is Operator.NOT_IN else found

            monkeypatch.setattr(lowering._LocalLabels, "_requirement", presence)
        case "first peer only":
            monkeypatch.setattr(
                tables.DirectionTables,
                "_join",
                _first_entry_only,
            )
        case "named port":
            monkeypatch.setattr(tables.DirectionTables, "_resolve", lambda _self, _ports, _subject: [])
        case "labels together":
            monkeypatch.setattr(lowering, "bounds_with_open_labels", lambda _selector, _labels: (True, True))
        case "families":
            monkeypatch.setattr("netcheck.engines.sets._FAMILIES", (4,))
    assert _small_scope_differs() or _generated_differ()
    if fault != "families":
        assert _z3_refutes()


def _first_entry_only(
    self: object, entries: list[entries_module.Entry], version: int, place: object = None
) -> tuple[int, int]:
    del self, version, place
    return (entries[0].must, entries[0].may) if entries else (0, 0)


@pytest.mark.parametrize("fault", ["signed", "absent label", "additive", "proto", "shared priority", "pass is deny"])
def test_a_fault_in_the_terms_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    outcome = terms.Encoding._outcome
    match fault:
        case "signed":
            original = terms._in_range
            monkeypatch.setattr(
                terms, "_in_range", lambda *args: original(*args).replace("bvuge", "bvsge").replace("bvule", "bvsle")
            )
        case "absent label":
            code = terms.LabelVariables.code
            monkeypatch.setattr(
                terms.LabelVariables, "code", lambda self, key, value: code(self, key, value or "other")
            )
        case "additive":
            fact = terms.Encoding._opaque_fact
            monkeypatch.setattr(
                terms.Encoding,
                "_opaque_fact",
                lambda self, stage, direction, letter: (
                    "false" if letter == "a" else fact(self, stage, direction, letter)
                ),
            )
        case "shared priority":
            monkeypatch.setattr(terms.Encoding, "_choice", lambda _self, _name: "true")
        case "pass is deny":
            monkeypatch.setattr(
                terms.Encoding,
                "_outcome",
                lambda self, context, stage, _following: outcome(self, context, stage, "false"),
            )
        case "proto":
            ports = terms.Encoding.ports
            monkeypatch.setattr(
                terms.Encoding, "ports", lambda self, c: ports(self, type(c)(tcp=c.tcp, udp=c.tcp, sctp=c.sctp))
            )
    assert _z3_refutes()


def test_the_domain_of_flows_is_complete() -> None:
    """Every element, every port and every protocol is in some model of the well-formed flows (STYLE 4.1)."""
    for seed in range(25):
        cluster = strategies.of_seed(seed)
        sets = SetEngine(cluster)
        smt = SmtEngine(cluster, sets.universe)
        encoding = smt.encoding
        for number in range(sets.universe.size):
            for end in ("s", "d"):
                assert smt._check(smt._solver(encoding.element(end, number))), f"seed {seed}: element {number}"
        for port in (1, 65535):
            for protocol in range(3):
                term = f"(and (= port {terms.bits(port, 16)}) (= proto {terms.bits(protocol, 2)}))"
                assert smt._check(smt._solver(term))
        assert not smt._check(smt._solver(f"(= port {terms.bits(0, 16)})"))
        assert not smt._check(smt._solver(f"(= proto {terms.bits(3, 2)})"))


def test_selectors_that_cover_every_value_together_are_certain() -> None:
    selectors = [
        LabelSelector.of(expressions=[Requirement("team", Operator.IN, ("a",))]),
        LabelSelector.of(expressions=[Requirement("team", Operator.NOT_IN, ("a",))]),
    ]
    assert lowering.cover_every_labelling(selectors, {})
    assert not lowering.cover_every_labelling(selectors[:1], {})
    assert not lowering.cover_every_labelling(selectors[1:], {"team": "a"})
