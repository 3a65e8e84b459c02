"""`netcheck exposure`: exit codes by `--allow`, what the table and the JSON say, and that both say the same."""

from __future__ import annotations

import pytest

from tests.cli.running import BROKEN, CLOSED, QUICKSTART, ROOT, TWO_PODS
from tests.report.test_json_v1 import checked

DOORS = str(ROOT / "testdata" / "scenarios" / "doors-to-a-shop" / "cluster.yaml")
UNKNOWN_PROXY = """
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: a}
spec: {selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: in, namespace: a}
spec: {ingressClassName: some, defaultBackend: {service: {name: db, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-in, namespace: a}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {role: proxy}}}]}]}
"""


class TestExitCodes:
    def test_nothing_open_from_outside_is_0(self, netcheck):
        assert netcheck("exposure", "-", stdin=TWO_PODS).code == 0

    def test_something_open_from_outside_is_1(self, netcheck):
        assert netcheck("exposure", DOORS).code == 1

    @pytest.mark.parametrize(
        ("allow", "code"),
        [
            (["internet"], 0),
            (["LoadBalancer,NodePort,Ingress"], 0),
            (["LoadBalancer:shop/web", "NodePort", "Ingress:shop/cart"], 0),
            (["LoadBalancer", "Ingress"], 1),
            (["cluster", "LoadBalancer", "NodePort", "Ingress"], 1),
        ],
    )
    def test_what_is_allowed_is_not_counted(self, netcheck, allow, code):
        assert netcheck("exposure", DOORS, *(text for item in allow for text in ("--allow", item))).code == code

    def test_a_lower_level_counts_what_pods_reach(self, netcheck):
        assert netcheck("exposure", "-", "--allow", "none", stdin=TWO_PODS + CLOSED).code == 1
        assert netcheck("exposure", "-", "--allow", "cluster", stdin=TWO_PODS + CLOSED).code == 1

    def test_a_door_that_is_not_known_is_4_unless_something_is_open(self, netcheck):
        assert netcheck("exposure", "-", stdin=TWO_PODS + UNKNOWN_PROXY).code == 4
        assert netcheck("exposure", "-", "--allow-incomplete", stdin=TWO_PODS + UNKNOWN_PROXY).code == 0
        assert netcheck("exposure", "-", "--allow", "Ingress", stdin=TWO_PODS + UNKNOWN_PROXY).code == 0
        assert netcheck("exposure", "-", "--allow", "none", stdin=TWO_PODS + UNKNOWN_PROXY).code == 1

    def test_lost_input_is_4(self, netcheck):
        assert netcheck("exposure", "-", stdin=TWO_PODS + BROKEN).code == 4

    def test_naming_the_proxy_settles_it(self, netcheck):
        named = ["--ingress-controller", "a/app=web"]
        assert netcheck("exposure", "-", *named, stdin=TWO_PODS + UNKNOWN_PROXY).code == 0

    def test_a_workload_that_is_not_there_is_2(self, netcheck):
        done = netcheck("exposure", QUICKSTART, "--workload", "shop/wbe")
        assert done.code == 2
        assert "did you mean `shop/web`?" in done.err

    def test_what_is_no_door_is_2(self, netcheck):
        done = netcheck("exposure", QUICKSTART, "--allow", "Loadbalancer:web")
        assert done.code == 2
        assert "neither a level nor a door" in done.err


class TestOutputs:
    def test_the_document_is_valid(self, netcheck):
        document = checked([netcheck("exposure", DOORS, "-o", "json").out])
        assert document["workloads"][0]["endpoint"] == "shop/web[Pod]"

    def test_every_verdict_of_the_input_that_is_not_known_has_a_reason(self, netcheck):
        document = checked([netcheck("exposure", "-", "-o", "json", stdin=TWO_PODS + UNKNOWN_PROXY).out])
        doors = [door for item in document["workloads"] for door in item["doors"]]
        assert {door["verdict"] for door in doors} == {"allowed", "unknown", "denied"}
        assert all(bool(door["reasons"]) == (door["verdict"] == "unknown") for door in doors)

    def test_a_focus_keeps_one_workload(self, netcheck):
        document = netcheck("exposure", DOORS, "--focus", "cart", "-o", "json").json
        assert [item["name"] for item in document["workloads"]] == ["cart"]

    def test_a_namespace_can_be_left_out(self, netcheck):
        document = netcheck("exposure", DOORS, "--exclude-namespace", "shop", "-o", "json").json
        assert [item["name"] for item in document["workloads"]] == ["controller"]

    def test_the_table_hides_closed_doors_unless_it_is_asked(self, netcheck):
        assert "closed" not in netcheck("exposure", DOORS).out
        assert "closed by NetworkPolicy shop/metrics" in netcheck("exposure", DOORS, "-v").out

    def test_no_line_is_wider_than_the_terminal(self, netcheck, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert max(map(len, netcheck("exposure", DOORS, "-v").out.splitlines())) <= 80

    def test_what_is_not_known_is_told_with_its_rule(self, netcheck):
        out = netcheck("exposure", "-", stdin=TWO_PODS + UNKNOWN_PROXY).out
        assert "unknown Ingress" in out
        assert "ING-13" in out
