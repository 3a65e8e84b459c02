"""Runs `testdata/scenarios/*`: each folder is a story, its `cluster.yaml` and the verdicts a reader of the API gives.

`expect.yaml` holds `options` (as on the command line), optionally `sources` in place of `cluster.yaml`, and `flows`:
`from` and `to` (`namespace/name` of a pod or workload, an address, `node:NAME`, `own-node`), `protocol`, `port`,
`verdict`, and `because` (a rule of SEMANTICS and a sentence). Where the verdict is unknown, the oracle must give
that rule as a reason.

`rows`, if there are any, are all the ways in of `list`: `from` and `to` (ids of endpoints), `port`, `via`, and for an
unknown one `because` (a rule).

`intents`, if there are any, are the outcomes of the intents that lie beside the manifests: name -> `holds`, `violated` or
`unknown`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from netcheck.cli.proxies import controller
from netcheck.load.intents import read_intents
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.model.profile import PROFILES, SWITCH_FIELDS, Switch
from netcheck.queries.connections import connections
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.verify import verify
from netcheck.values.addresses import address_number
from netcheck.values.ports import Protocol

yaml = pytest.importorskip("yaml")

FOLDER = Path(__file__).resolve().parents[2] / "testdata" / "scenarios"
_KEYS = ("from", "to", "ports", "via", "because")
CIDR_OPTIONS = {"--pod-cidr": "pod_cidrs", "--service-cidr": "service_cidrs", "--node-cidr": "node_cidrs"}


@cache
def expected(name):
    return yaml.safe_load((FOLDER / name / "expect.yaml").read_text(encoding="utf-8"))


NAMES = sorted(path.parent.name for path in FOLDER.glob("*/expect.yaml"))
FLOWS = [
    pytest.param(name, flow, id=f"{name}: {flow['from']} to {flow['to']} {flow['protocol']} {flow['port']}")
    for name in NAMES
    for flow in expected(name)["flows"]
]


def with_options(cluster, options):
    """Apply command-line options; a switch wins over the profile (docs/cli.md)."""
    pairs = sorted(zip(options[::2], options[1::2], strict=True), key=lambda pair: pair[0] == "--assume")
    for option, value in pairs:
        if option == "--cni":
            cluster = replace(cluster, profile=PROFILES[value])
        elif option == "--assume":
            switch, _, setting = value.partition("=")
            changed = cluster.profile.with_switch(SWITCH_FIELDS[switch], Switch(setting))
            cluster = replace(cluster, profile=changed)
        elif option == "--ingress-controller":
            cluster = replace(cluster, controllers=(*cluster.controllers, controller(value)))
        else:
            field = CIDR_OPTIONS[option]
            cidrs = (*getattr(cluster.addressing, field), value)
            cluster = replace(cluster, addressing=replace(cluster.addressing, **{field: cidrs}))
    return cluster


@cache
def loaded(name):
    loader = pytest.importorskip("netcheck.load.loader")
    sources = expected(name).get("sources", ["cluster.yaml"])
    return loader.load([str((FOLDER / name / source).resolve()) for source in sources], loader.LoadOptions())


def cluster_of(name):
    return with_phantoms(with_options(loaded(name).cluster, expected(name)["options"]))


def end_of(cluster, text):
    if text == "own-node":
        return OwnNodeEnd()
    if text.startswith("node:"):
        (node,) = (node for node in cluster.nodes if node.name == text.removeprefix("node:"))
        return NodeEnd(node)
    if "/" not in text:
        address_number(text)
        return AddressEnd(text)
    namespace, name = text.split("/")
    (pod,) = (pod for pod in cluster.pods if (pod.namespace, pod.name) == (namespace, name))
    return PodEnd(pod)


def flow_of(cluster, flow):
    return Flow(
        source=end_of(cluster, flow["from"]),
        destination=end_of(cluster, flow["to"]),
        protocol=Protocol(flow["protocol"]),
        port=flow["port"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_well_formed(name):
    story = expected(name)
    assert set(story) <= {"sources", "options", "flows", "rows", "intents"}
    assert ("sources" in story) != (FOLDER / name / "cluster.yaml").exists()
    assert story["flows"]
    for flow in story["flows"]:
        assert set(flow) == {"from", "to", "protocol", "port", "verdict", "because"}
        assert Verdict(flow["verdict"])
        assert re.fullmatch(r"[A-Z]+-\d+: \S.*", flow["because"]), flow


def test_there_are_enough_stories_and_every_verdict_is_told():
    verdicts = [flow["verdict"] for name in NAMES for flow in expected(name)["flows"]]
    assert len(NAMES) >= 25
    assert min(verdicts.count(verdict.value) for verdict in Verdict) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_loads_without_a_problem_unless_it_is_about_one(name):
    assert bool(loaded(name).problems) == name.startswith("a-refused")


@pytest.mark.parametrize(("name", "flow"), FLOWS)
def test_the_oracle_gives_the_verdict_of_the_story(name, flow):
    decide = pytest.importorskip("netcheck.semantics.decide").decide
    cluster = cluster_of(name)
    decision = decide(cluster, flow_of(cluster, flow))
    assert decision.verdict is Verdict(flow["verdict"]), (flow["because"], decision)
    if decision.verdict is Verdict.UNKNOWN:
        assert flow["because"].partition(":")[0] in {reason.rule for reason in decision.reasons}, decision


@pytest.mark.parametrize("name", [name for name in NAMES if "rows" in expected(name)])
def test_the_list_has_the_ways_in_of_the_story(name):
    found = connections(cluster_of(name))
    ids = [endpoint.id for endpoint in found.endpoints]
    shown = [
        {"from": ids[row.source], "to": ids[row.destination], "ports": str(row.connections), "via": row.via}
        | ({"because": row.reasons[0].rule} if row.reasons else {})
        for row in (*found.entries, *found.unknown)
        if row.via
    ]
    told = [{**row, "ports": f"TCP/{row['port']}"} for row in expected(name)["rows"]]
    told = [{key: row[key] for key in _KEYS if key in row} for row in told]
    assert sorted(shown, key=str) == sorted(told, key=str)


@pytest.mark.parametrize("name", [name for name in NAMES if "intents" in expected(name)])
def test_the_intents_of_the_story_come_out_as_told(name):
    intents, problems = read_intents(loaded(name).intents)
    assert not problems
    found = verify(cluster_of(name), intents)
    assert {item.intent.name: item.outcome.value for item in found.results} == expected(name)["intents"]
