"""`query --all-profiles`, `list --explain`, and what `query` says beside its verdict."""

from __future__ import annotations

import pytest

from tests.cli.running import CLOSED, QUICKSTART, TWO_PODS

ENDS = ("--from", "a/web", "--to", "a/db", "--port", "80")


class TestQuery:
    def test_a_denial_tells_what_would_open_it(self, netcheck):
        done = netcheck("query", "-", *ENDS, stdin=TWO_PODS + CLOSED)
        assert done.code == 1
        assert "it would pass without: NetworkPolicy a/closed" in done.out
        assert "add a rule to `ingress` of NetworkPolicy a/closed that allows TCP/80 from pods app=web" in done.out

    def test_the_change_that_is_shown_works_when_it_is_made(self, netcheck):
        opened = CLOSED.replace(
            "policyTypes: [Ingress]",
            "policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]",
        )
        assert netcheck("query", "-", *ENDS, stdin=TWO_PODS + opened).code == 0

    def test_every_profile_is_asked(self, netcheck):
        done = netcheck("query", "-", *ENDS, "--all-profiles", "-o", "json", stdin=TWO_PODS + CLOSED)
        verdicts = {item["profile"]: item["verdict"] for item in done.json["profiles"]}
        assert done.code == 1, "the profile of the query counts"
        assert (verdicts["generic"], verdicts["flannel"], len(verdicts)) == ("denied", "allowed", 8)

    def test_assumptions_count_under_every_profile(self, netcheck):
        more = ("--all-profiles", "--assume", "enforced=no", "-o", "json")
        done = netcheck("query", "-", *ENDS, *more, stdin=TWO_PODS + CLOSED)
        assert {item["verdict"] for item in done.json["profiles"]} == {"allowed"}

    def test_without_the_flag_there_are_no_profiles(self, netcheck):
        assert "profiles" not in netcheck("query", "-", *ENDS, "-o", "json", stdin=TWO_PODS).json


class TestList:
    @pytest.mark.parametrize("resolution", ["workload", "pod"])
    def test_rows_are_explained(self, netcheck, resolution):
        done = netcheck("list", QUICKSTART, "--explain", "--resolution", resolution, "-o", "json")
        assert done.code == 0
        assert all(row["decidedBy"] for row in done.json["connections"] if "via" not in row)

    def test_the_table_ends_with_the_explanations(self, netcheck):
        done = netcheck("list", QUICKSTART, "--explain", "--focus", "data/db")
        assert "decided by" in done.out
        assert "ingress: allowed by NetworkPolicy data/db ingress[0] (NP-7)" in done.out

    def test_a_list_that_is_too_long_needs_a_focus(self, netcheck, monkeypatch):
        monkeypatch.setattr("netcheck.queries.explain.MOST_ROWS", 3)
        done = netcheck("list", QUICKSTART, "--explain")
        assert (done.code, done.out) == (2, "")
        assert "--focus" in done.err
        assert netcheck("list", QUICKSTART, "--explain", "--focus", "data/db").code == 0
        assert netcheck("list", QUICKSTART, "--explain", "--only-namespace", "data").code == 0
