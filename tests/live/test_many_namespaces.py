"""Rights in a few of many namespaces: they are found with few requests, and nothing is taken to be read that was not (LIVE-6)."""

from __future__ import annotations

import pytest

from netcheck.load import live
from netcheck.load.live_kinds import RESOURCES
from tests.live.clusters import namespace, pod, policy
from tests.live.conftest import held, read
from tests.live.server import Documents, status

SPACES = [f"team-{number:02d}" for number in range(20)]
MINE = ("team-03", "team-11")


def documents():
    found = Documents()
    for item in RESOURCES:
        api = f"{item.group}/{item.versions[0]}" if item.group else item.versions[0]
        found.add(api, item.plural, item.kind, [], namespaced=item.namespaced)
    found.add("v1", "namespaces", "Namespace", [namespace(name) for name in SPACES], namespaced=False)
    pods = [pod(name, "web", f"10.0.0.{number}", "web") for number, name in enumerate(SPACES)]
    found.add("v1", "pods", "Pod", pods)
    rules = [policy(name, "web", "web", "web") for name in SPACES]
    return found.add("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", rules)


def only_mine(request, times):
    parts = request.path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    allowed = not rest or rest == ["namespaces"] or (rest[0] == "namespaces" and rest[1] in MINE)
    return None if allowed else status(403, "Forbidden", "no")


def concerned(found):
    """Return which kinds of which namespaces were not read."""
    return {(item.label, name) for item in found.unread for name in SPACES if item.concerns(name)}


@pytest.fixture
def frugal(monkeypatch):
    monkeypatch.setattr(live, "_FEW_REQUESTS", 10)


def test_what_is_read_and_what_is_missing_are_as_if_all_were_asked_for(serve, monkeypatch):
    patient = read(serve(documents().answer, only_mine)[1])
    monkeypatch.setattr(live, "_FEW_REQUESTS", 10)
    server, config = serve(documents().answer, only_mine)
    found = read(config)
    assert held(found) == held(patient)
    assert concerned(found) == concerned(patient)
    assert len(server.requests) < 350  # of 1,000


def test_another_right_than_the_usual_ones_is_found_where_the_first_few_are_allowed(serve, frugal):
    def fault(request, times):
        if request.path == "/api/v1/namespaces/team-05/services":
            return None
        if "/namespaces/team-05/" in request.path and request.path.endswith("ingresses"):
            return None
        return only_mine(request, times)

    found = read(serve(documents().answer, fault)[1])
    assert ("ingresses.networking.k8s.io", "team-05") not in concerned(found)
    assert ("pods", "team-05") in concerned(found)


def test_a_server_error_is_no_denial(serve, frugal):
    def fault(request, times):
        if request.path == "/api/v1/namespaces/team-07/pods":
            return status(500, "InternalError", "etcd has no leader")
        return only_mine(request, times)

    found = read(serve(documents().answer, fault)[1])
    assert not any("not asked for" in item.message for item in found.unread if item.namespace == "team-07")


def test_namespaces_beyond_counting_are_told_as_those_that_were_not_read(serve, frugal, monkeypatch):
    monkeypatch.setattr(live, "_MANY_GAPS", 5)
    found = read(serve(documents().answer, only_mine)[1])
    assert {(item.namespace, item.besides) for item in found.unread if item.label == "pods"} == {(None, MINE)}
    assert ("pods", "team-03") not in concerned(found)
    assert ("pods", "team-04") in concerned(found)
