"""The JSON contract: order of keys, sorted lists, the schema of every output, and streaming."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import jsonschema
import pytest

import netcheck
from netcheck.errors import Place
from netcheck.lint.finding import Finding, LintResult, Related, Suppressed
from netcheck.model.flow import Decider, Reason, Tier, Verdict
from netcheck.model.policy import Direction
from netcheck.queries.results import FlowText, PairResult, QueryResult
from netcheck.report.json_findings import findings
from netcheck.report.json_v1 import connection_list, endpoint_item, ports_items, query_result
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol
from tests.report.building import (
    ALL,
    EVERYWHERE,
    LOADED,
    MESSY,
    OWN_NODE,
    addresses,
    listing,
    tcp,
    unknown_row,
    workload,
)

SCHEMAS = Path(netcheck.__file__).parent / "report" / "schemas"
HEAD = ["apiVersion", "kind", "complete", "problems", "notModelled", "assumptions"]


def checked(pieces):
    """Return the document, valid against the schema of its kind and with no key that the schema does not know."""
    document = json.loads("".join(pieces))
    schema = closed(json.loads((SCHEMAS / f"{document['kind']}.json").read_text("utf-8")))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


def closed(schema):
    """Return a schema that allows no key beside those it names: what an output may hold must be documented."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    return {**out, "additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else out


INPUTS = ("Config", "Intents")
OUTPUTS = sorted(path for path in SCHEMAS.glob("*.json") if path.stem not in INPUTS)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_a_schema_is_a_schema_and_names_its_kind(path):
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["kind"] == {"const": path.stem}
    assert schema["required"][: len(HEAD)] == HEAD


def test_a_schema_bites():
    with pytest.raises(jsonschema.ValidationError):
        checked(['{"kind": "ConnectionList"}'])


ENDS = [workload("web"), workload("db", several=True), EVERYWHERE, OWN_NODE]


class TestConnectionList:
    def test_order_of_keys(self):
        document = checked(connection_list(MESSY, listing(ENDS, [((0,), (1,), ALL)])))
        assert list(document) == [*HEAD, "endpoints", "connections", "unknown"]

    def test_what_was_read(self):
        document = checked(connection_list(MESSY, listing(ENDS, [])))
        assert document["complete"] is False
        assert document["problems"] == [
            {"severity": "error", "message": "refused", "hint": "write it well", "file": "a.yaml"},
            {"severity": "warning", "message": "odd", "file": "b.yaml", "line": 2, "column": 1, "object": "Pod a/p"},
        ]
        assert document["notModelled"] == [{"kind": "K", "apiVersion": "g/v1", "count": 2, "effect": "may deny"}]
        assert document["assumptions"][1] == {"message": "ready"}

    def test_rows(self):
        found = listing(ENDS, [((0,), (1,), tcp(80))], [unknown_row(2, 0)], {(0, 1): ("cidrMatchesPods",)})
        document = checked(connection_list(LOADED, found))
        assert document["connections"] == [
            {
                "source": "a/web[Deployment]",
                "destination": "a/db[Deployment]",
                "ports": [{"protocol": "TCP", "port": 80}],
                "dependsOn": ["cidrMatchesPods"],
            }
        ]
        reason = {
            "rule": "NP-20",
            "message": "the pod's address is not known",
            "file": "p.yaml",
            "line": 3,
            "column": 5,
        }
        assert document["unknown"][0]["reasons"] == [reason]

    def test_every_item_has_a_line(self):
        text = "".join(connection_list(LOADED, listing(ENDS, [((0, 1, 2), (0, 1, 2), ALL)])))
        rows = [line for line in text.splitlines() if line.startswith('    {"source"')]
        assert len(rows) == 7  # of nine pairs, the two of one end to itself that has not several pods are none
        assert text.endswith("\n}\n")

    def test_rows_are_streamed(self):
        asked = itertools.count()

        class Rows(list):
            def __iter__(self):
                for row in super().__iter__():
                    next(asked)
                    yield row

        found = listing([workload(f"w{n:03}") for n in range(80)], [(tuple(range(80)), tuple(range(80)), ALL)])
        object.__setattr__(found, "row_source", Rows(found.row_source))
        pieces = connection_list(LOADED, found)
        for piece in pieces:
            if '"connections"' in piece:
                break
        assert 0 < next(asked) < 80 * 79

    def test_names_are_quoted(self):
        odd = workload('we"b\\')
        checked(connection_list(LOADED, listing([odd, workload("x")], [((0,), (1,), ALL)])))


class TestItems:
    def test_all_ports_are_three_entries(self):
        assert ports_items(ALL) == [{"protocol": "TCP"}, {"protocol": "UDP"}, {"protocol": "SCTP"}]

    def test_ranges_are_sorted(self):
        ports = ConnectionSet.of({Protocol.UDP: PortSet.of((8000, 8100), (53, 53))})
        assert ports_items(ports) == [
            {"protocol": "UDP", "port": 53},
            {"protocol": "UDP", "port": 8000, "endPort": 8100},
        ]

    def test_endpoints(self):
        assert endpoint_item(workload("web")) == {
            "id": "a/web[Deployment]",
            "type": "workload",
            "namespace": "a",
            "name": "web",
            "kind": "Deployment",
            "pods": 1,
        }
        assert endpoint_item(addresses("10.0.0.0/8")) == {"id": "ip:10.0.0.0/8", "type": "ip", "cidrs": ["10.0.0.0/8"]}
        assert endpoint_item(OWN_NODE) == {"id": "own-node", "type": "own-node"}


class TestQueryResult:
    decider = Decider(
        direction=Direction.INGRESS,
        tier=Tier.NETWORK_POLICY,
        action="deny",
        policy="NetworkPolicy a/db",
        cites="NP-5",
        place=Place("p.yaml", 1, 2),
    )
    pair = PairResult(
        source="a/web",
        destination="a/db",
        verdict=Verdict.DENIED,
        allowed=ConnectionSet.none(),
        unknown=ConnectionSet.none(),
        asked=tcp(80),
        witness=FlowText(source="a/web", destination="a/db", protocol=Protocol.TCP, port=80),
        decided_by=(decider,),
        depends_on=("endPort",),
        service="Service a/db",
    )

    def test_the_deciding_pair_is_on_top(self):
        reached = PairResult(
            source="a/x", destination="a/db", verdict=Verdict.ALLOWED, allowed=ALL, unknown=tcp(), asked=ALL
        )
        result = QueryResult(
            verdict=Verdict.DENIED, source="ns=a", destination="a/db", asked="TCP/80", pairs=(reached, self.pair)
        )
        document = checked(query_result(LOADED, result))
        assert list(document) == [*HEAD, "verdict", "flow", "witness", "decidedBy", "reasons", "pairs"]
        assert document["verdict"] == "denied"
        assert document["decidedBy"][0]["policy"] == "NetworkPolicy a/db"
        assert document["decidedBy"][0]["line"] == 1
        assert [pair["verdict"] for pair in document["pairs"]] == ["allowed", "denied"]

    def test_without_pairs(self):
        reason = Reason(rule="WL-3", message="labels are not known")
        result = QueryResult(
            verdict=Verdict.UNKNOWN, source="x", destination="y", asked="", pairs=(), reasons=(reason,)
        )
        document = checked(query_result(LOADED, result))
        assert document["decidedBy"] == []
        assert document["reasons"] == [{"rule": "WL-3", "message": "labels are not known"}]


def test_findings():
    related = Related(message="selects it", place=None, object="Service a/s")
    flow = FlowText(source="a/web", destination="a/db", protocol=Protocol.TCP, port=80, source_labels="app=web")
    whole = Finding(
        rule="NC102",
        name="n",
        severity="error",
        basis="proved",
        message="m",
        object="Pod a/p",
        place=Place("b.yaml", 3, 1),
        related=(related,),
        witness=flow,
        fix="f",
        hint="h",
    )
    bare = Finding(rule="NC101", name="n", severity="info", basis="syntactic", message="m", object="", place=None)
    ignored = Suppressed(finding=bare, reason="r", place=Place("c.yaml", 4, 1), until="2027-01-31")
    result = LintResult(
        findings=(whole, bare), checked_rules=("NC102", "NC101"), suppressed=(ignored,), known=(whole, bare)
    )
    document = checked(findings(MESSY, result))
    assert list(document) == [*HEAD, "findings", "ignored", "summary"]
    assert document["ignored"][0]["note"] == {
        "reason": "r",
        "file": "c.yaml",
        "line": 4,
        "column": 1,
        "until": "2027-01-31",
    }
    assert [item["rule"] for item in document["findings"]] == ["NC101", "NC102"]
    assert document["findings"][1]["related"] == [{"message": "selects it", "object": "Service a/s"}]
    assert document["summary"] == {
        "error": 1,
        "warning": 0,
        "info": 1,
        "checkedRules": ["NC101", "NC102"],
        "ignored": 1,
        "inBaseline": 2,
    }
