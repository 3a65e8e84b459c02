"""The `Routes` document against its schema, and what the table says first."""

from __future__ import annotations

from pathlib import Path

from netcheck.load.loader import load
from netcheck.queries.routes import Ask, routes
from netcheck.report.layout import Style
from netcheck.report.routes_json import routes_document
from netcheck.report.routes_table import routes_markdown, routes_table
from tests.report.test_json_v1 import HEAD, checked

FOLDER = Path(__file__).resolve().parents[2] / "testdata" / "routes"
LOADED = load([str(FOLDER)])
FOUND = routes(LOADED.cluster)


def document():
    return checked(routes_document(LOADED, FOUND))


class TestDocument:
    def test_order_of_keys(self):
        lists = ["gateways", "listenerSets", "routes", "backendTLSPolicies", "ingresses", "openShiftRoutes", "faults"]
        assert list(document()) == [*HEAD, *lists]

    def test_a_listener_has_its_routes(self):
        listener = document()["gateways"][0]["listeners"][0]
        assert listener["attachedRoutes"] == 1
        assert [item["name"] for item in listener["routes"]] == ["redirect"]

    def test_effective_hostnames_leave_out_those_of_other_listeners(self):
        listener = document()["gateways"][0]["listeners"][1]
        assert listener["routes"][0]["hostnames"] == ["www.shop.example.com"]

    def test_a_dangling_backend_keeps_its_share(self):
        route = next(item for item in document()["routes"] if item["name"] == "web")
        problems = [(item["name"], item["weight"], item.get("problem")) for item in route["rules"][1]["backends"]]
        assert problems == [("api", 9, None), ("api-next", 1, "BackendNotFound")]

    def test_faults_that_are_certain_come_first(self):
        unknown = [item["unknown"] for item in document()["faults"]]
        assert unknown == sorted(unknown)
        assert unknown.count(False) == 7


class TestReached:
    def test_each_match_says_whether_a_request_comes_to_it(self):
        route = next(item for item in document()["routes"] if item["name"] == "web")
        found = [[match["reached"] for match in rule["matches"]] for rule in route["rules"]]
        assert found == [["yes"], ["yes", "yes"], ["yes"], ["no"]]

    def test_a_match_that_is_shadowed_names_by_what(self):
        route = next(item for item in document()["routes"] if item["name"] == "web")
        shadows = route["rules"][3]["matches"][0]["shadowedBy"]
        assert [(item["name"], item["rule"], item["match"]) for item in shadows] == [("web", 1, 1)]

    def test_a_witness_is_a_request(self):
        route = next(item for item in document()["routes"] if item["name"] == "web")
        match = route["rules"][2]["matches"][0]
        assert match["witness"]["headers"] == {"version": "two"}
        assert match["witness"]["path"].startswith("/orders")
        assert match["door"] == "Gateway infra/edge port 443"

    def test_a_route_without_a_listener_has_no_answer(self):
        route = next(item for item in document()["routes"] if item["name"] == "lost")
        assert "reached" not in route["rules"][0]["matches"][0]

    def test_nobody_asks_if_told_not_to(self):
        found = routes(LOADED.cluster, ask=Ask.NEVER)
        assert not any(any(rule.reach) for line in found.routes for rule in line.rules)

    def test_too_many_matches_are_counted(self, monkeypatch):
        monkeypatch.setattr("netcheck.queries.routes.MOST_MATCHES", 1)
        found = routes(LOADED.cluster)
        assert "not asked: whether each of 11 matches is ever reached" in "".join(routes_table(LOADED, found, Style()))
        assert routes(LOADED.cluster, ask=Ask.ALWAYS).not_asked == 0


class TestRequestsToAService:
    FOUND = routes(LOADED.cluster, target=("shop", "web"))

    def test_each_line_has_a_witness(self):
        found = checked(routes_document(LOADED, self.FOUND))
        assert found["target"] == "shop/web"
        doors = {item["door"]: item["hosts"] for item in found["requestsTo"]}
        assert doors["Gateway infra/edge port 443"] == ["www.shop.example.com"]
        assert all(item["certain"] and item["witness"] for item in found["requestsTo"])

    def test_the_table_shows_only_them(self):
        text = "".join(routes_table(LOADED, self.FOUND, Style()))
        assert text.startswith("requests that come to Service shop/web:\n")
        assert "by the default backend of Ingress shop/inner" in text
        assert "not as it should be" not in text

    def test_markdown(self):
        text = "".join(routes_markdown(LOADED, self.FOUND))
        assert text.startswith("| door | requests | by | such as |\n")

    def test_a_service_that_nothing_leads_to(self):
        found = routes(LOADED.cluster, target=("shop", "none"))
        assert "no request comes to Service shop/none" in "".join(routes_table(LOADED, found, Style()))


class TestScope:
    def test_routes_of_other_namespaces_are_left_out(self):
        found = routes(LOADED.cluster, in_scope=lambda name: name == "infra")
        assert (len(found.gateways), found.routes, found.ingresses) == (1, (), ())

    def test_the_table_names_a_route_that_is_not_in_scope(self):
        found = routes(LOADED.cluster, in_scope=lambda name: name == "infra")
        assert "out of scope  (HTTPRoute shop/redirect)" in "".join(routes_table(LOADED, found, Style()))


def test_the_table_begins_with_what_is_wrong():
    assert "".join(routes_table(LOADED, FOUND, Style())).startswith("not as it should be: 7\n")


def test_a_quiet_table_has_no_footer():
    assert "assumed:" not in "".join(routes_table(LOADED, FOUND, Style(quiet=True)))
