"""The `Routes` document against its schema, and what the table says first."""

from __future__ import annotations

from pathlib import Path

from netcheck.load.loader import load
from netcheck.queries.routes import routes
from netcheck.report.layout import Style
from netcheck.report.routes_json import routes_document
from netcheck.report.routes_table import routes_table
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
        assert unknown.count(False) == 6


class TestScope:
    def test_routes_of_other_namespaces_are_left_out(self):
        found = routes(LOADED.cluster, in_scope=lambda name: name == "infra")
        assert (len(found.gateways), found.routes, found.ingresses) == (1, (), ())

    def test_the_table_names_a_route_that_is_not_in_scope(self):
        found = routes(LOADED.cluster, in_scope=lambda name: name == "infra")
        assert "out of scope  (HTTPRoute shop/redirect)" in "".join(routes_table(LOADED, found, Style()))


def test_the_table_begins_with_what_is_wrong():
    assert "".join(routes_table(LOADED, FOUND, Style())).startswith("not as it should be: 6\n")


def test_a_quiet_table_has_no_footer():
    assert "assumed:" not in "".join(routes_table(LOADED, FOUND, Style(quiet=True)))
