"""Questions about all requests: Z3 over atoms against the oracle at every atom, and what the answers look like."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from netcheck.engines import requests as engine_module
from netcheck.engines.requests import Clash, Ever, RequestEngine
from netcheck.engines.requests_atoms import Atoms
from netcheck.engines.requests_smt import RequestTerms
from netcheck.errors import WitnessMismatch
from netcheck.logic.requests import Frontend, FrontendId, RequestPredicate
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.gateway import BackendRef, Gateway, HTTPMatch, Listener, MatchType, ParentRef, Route, RouteRule
from netcheck.model.objects import Namespace, Service, ServicePort
from netcheck.model.request import Chosen, Request, Scheme
from netcheck.queries import requests as asked
from tests import route_strategies
from tests.agree.test_routing import pairs_of_ingresses, pairs_of_routes

MOST = 4_000
SEEDS = range(500, 545)


def _requests(frontend: Frontend) -> Iterator[Request] | None:
    """Every request of atoms; None where there are too many."""
    atoms = Atoms([entry.predicate for entry in frontend.entries])
    names = [("", ""), *((host, host) for host in atoms.names.values if host)]
    fields = [*atoms.headers.items(), *atoms.query.items()]
    sizes = [len(atoms.hosts.values), len(names), len(atoms.paths.values), len(atoms.methods.values)]
    sizes += [len(domain.values) for _, domain in fields]
    total = 3
    for size in sizes:
        total *= size
    return _each(frontend, atoms) if total <= MOST else None


def _each(frontend: Frontend, atoms: Atoms) -> Iterator[Request]:
    headers = [[(name, value) for value in domain.values] for name, domain in atoms.headers.items()]
    query = [[(name, value) for value in domain.values] for name, domain in atoms.query.items()]
    schemes = (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC)
    space = itertools.product(schemes, atoms.hosts.values, atoms.names.values, atoms.paths.values, atoms.methods.values)
    for scheme, host, sni, path, method in space:
        if scheme is Scheme.HTTP and sni:
            continue
        if scheme is Scheme.GRPC and (method != "POST" or path.count("/") != 2 or "" in path.split("/")[1:]):
            continue
        port = frontend.id.port or (443 if scheme is Scheme.HTTPS else 80)
        for pairs in itertools.product(*headers):
            for more in itertools.product(*query):
                yield Request(
                    scheme=scheme,
                    host=host or "",
                    sni=sni or "",
                    port=port,
                    path=path or "/",
                    method=method or "GET",
                    headers=tuple(pair for pair in pairs if pair[1] is not None),
                    query=tuple(pair for pair in more if pair[1] is not None),
                )


def _compare(cluster: Cluster) -> int:
    """Compare every match of every small door with what the oracle says of every atom; return how many."""
    engine = RequestEngine(cluster)
    compared = 0
    for name in engine.frontends():
        forms = engine._forms[name]
        space = _requests(forms[0]) if len(forms) == 1 and name.kind != "Ingress" else None
        if space is None or any(entry.outcome.chosen and not _web(entry.outcome.chosen) for entry in forms[0].entries):
            continue
        taken, open_ones = set(), 0
        for request in space:
            routed = asked.routed_by_oracle(cluster, name, request)
            chosen = routed.chosen if routed else None
            open_ones += routed is not None and routed.verdict is Verdict.UNKNOWN and chosen is None
            taken |= {(chosen.label, chosen.rule, chosen.match)} if chosen else set()
        for chosen in engine.matches(name):
            answer = asked.reached(engine, name, chosen)
            is_taken = (chosen.label, chosen.rule, chosen.match) in taken
            assert (answer.verdict is Ever.YES) == is_taken, (name, chosen, answer)
            assert open_ones or answer.verdict is not Ever.UNKNOWN, (name, chosen)
            compared += 1
    return compared


def _web(chosen: Chosen) -> bool:
    return chosen.kind in ("HTTPRoute", "GRPCRoute")


def _compare_all() -> int:
    return sum(_compare(route_strategies.of_seed(seed)) for seed in SEEDS)


def test_reached_is_what_the_oracle_says_at_some_atom() -> None:
    assert _compare_all() > 100


def test_reached_is_right_for_pairs_of_routes() -> None:
    assert sum(_compare(cluster) for cluster in itertools.islice(pairs_of_routes(), 0, None, 23)) > 80


def test_witnesses_of_generated_clusters_are_confirmed_by_the_oracle() -> None:
    met = dict.fromkeys(Ever, 0)
    kinds = dict.fromkeys(Clash, 0)
    for seed in range(600, 650):
        engine = RequestEngine(route_strategies.of_seed(seed))
        for name in engine.frontends():
            for chosen in engine.matches(name):
                met[asked.reached(engine, name, chosen).verdict] += 1
        for service in engine.cluster.services:
            asked.requests_to(engine, service.namespace, service.name)
        for conflict in asked.conflicts(engine):
            kinds[conflict.kind] += 1
    assert all(met.values()), met
    assert all(kinds.values()), kinds


def test_ties_of_ingresses_are_confirmed_by_the_oracle() -> None:
    found = [
        conflict
        for cluster in itertools.islice(pairs_of_ingresses(), 0, None, 5)
        for conflict in asked.conflicts(RequestEngine(cluster))
    ]
    assert {conflict.kind for conflict in found} == {Clash.TIE}


# ---- what answers look like --------------------------------------------------------------------------------------

OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
FRONT = FrontendId("Gateway", "shop", "front", 80)


def _cluster(*routes: Route) -> Cluster:
    listener = Listener(name="http", port=80, protocol="HTTP")
    services = tuple(
        Service(namespace="shop", name=name, ports=(ServicePort(port=80, target_port=80),)) for name in ("one", "two")
    )
    gateway = Gateway(namespace="shop", name="front", class_name="any", listeners=(listener,))
    return Cluster(
        namespaces={"shop": Namespace(name="shop", labels={})},
        services=services,
        gateways=(gateway,),
        routes=tuple(sorted(routes, key=lambda route: route.name)),
    )


def _route(name: str, *matches: HTTPMatch, to: str = "one", created: str = OLD, host: str = "") -> Route:
    rules = tuple(
        RouteRule(matches=(match,), backends=(BackendRef(namespace="shop", name=to, port=80),)) for match in matches
    )
    return Route(
        kind="HTTPRoute",
        namespace="shop",
        name=name,
        parents=(ParentRef(namespace="shop", name="front"),),
        hostnames=(host,) if host else (),
        rules=rules,
        created=created,
    )


def _first(engine: RequestEngine, name: str) -> Chosen:
    return next(chosen for chosen in engine.matches(FRONT) if chosen.name == name)


def test_a_match_that_an_older_route_repeats_is_shadowed_by_it_alone() -> None:
    engine = RequestEngine(
        _cluster(
            _route("first", HTTPMatch(path="/a"), HTTPMatch(path="/b")),
            _route("later", HTTPMatch(path="/a"), created=NEW, to="two"),
        )
    )
    answer = asked.reached(engine, FRONT, _first(engine, "later"))
    assert answer.verdict is Ever.NO
    assert [(item.name, item.rule) for item in answer.shadowed_by] == [("first", 0)]
    (conflict,) = asked.conflicts(engine)
    assert (conflict.kind, conflict.one.name, conflict.other.name) == (Clash.HIDDEN, "later", "first")


def test_two_methods_and_the_rest_together_do_not_hide_a_third() -> None:
    engine = RequestEngine(
        _cluster(
            _route("get", HTTPMatch(path="/a", method="GET")),
            _route("post", HTTPMatch(path="/a", method="POST")),
            _route("any", HTTPMatch(path="/a"), to="two"),
        )
    )
    answer = asked.reached(engine, FRONT, _first(engine, "any"))
    assert answer.verdict is Ever.YES
    assert answer.witness is not None
    assert answer.witness.method not in ("GET", "POST")


def test_routes_without_ages_tie_and_the_witness_is_unknown() -> None:
    engine = RequestEngine(
        _cluster(_route("a", HTTPMatch(path="/x"), created=""), _route("b", HTTPMatch(path="/x"), created="", to="two"))
    )
    assert asked.reached(engine, FRONT, _first(engine, "a")).verdict is Ever.UNKNOWN
    (conflict,) = asked.conflicts(engine)
    assert conflict.kind is Clash.TIE
    assert conflict.witness.path.startswith("/x")


def test_a_regular_expression_is_reached_or_not_depending_on_what_it_means() -> None:
    pattern = HTTPMatch(path_type=MatchType.REGULAR_EXPRESSION, path="/.*")
    engine = RequestEngine(_cluster(_route("re", pattern), _route("rest", HTTPMatch(), to="two")))
    assert asked.reached(engine, FRONT, _first(engine, "re")).verdict is Ever.UNKNOWN
    assert asked.reached(engine, FRONT, _first(engine, "rest")).verdict is Ever.UNKNOWN


def test_requests_to_a_service_are_few_lines_with_witnesses() -> None:
    engine = RequestEngine(
        _cluster(
            _route("a", HTTPMatch(path="/a"), HTTPMatch(path="/a/b"), host="a.example.com"),
            _route("b", HTTPMatch(path="/a"), HTTPMatch(path="/a/b"), host="b.example.com"),
            _route("c", HTTPMatch(), to="two"),
        )
    )
    (way,) = asked.requests_to(engine, "shop", "one")
    assert (way.frontend, way.hosts, way.paths) == (FRONT, ("a.example.com", "b.example.com"), ("/a/*",))
    assert way.certain
    assert way.witness is not None
    assert way.witness.host in way.hosts


# ---- faults ------------------------------------------------------------------------------------------------------


def test_a_witness_that_the_oracle_refutes_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Request(path="/elsewhere")
    monkeypatch.setattr(engine_module._Pass, "_plain", lambda _pass, _found, _entry: wrong)
    monkeypatch.setattr(engine_module._Pass, "takes", lambda _pass, _request, _chosen: True)
    engine = RequestEngine(_cluster(_route("a", HTTPMatch(path="/a"))))
    with pytest.raises(WitnessMismatch):
        asked.reached(engine, FRONT, _first(engine, "a"))


@pytest.mark.parametrize("fault", ["methods are ignored", "earlier matches are forgotten"])
def test_a_fault_in_the_terms_is_caught(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    match fault:
        case "methods are ignored":
            original = RequestTerms.exact

            def without(terms: RequestTerms, predicate: RequestPredicate) -> str:
                return original(terms, RequestPredicate(host=predicate.host, path=predicate.path))

            monkeypatch.setattr(RequestTerms, "exact", without)
        case "earlier matches are forgotten":
            monkeypatch.setattr(engine_module._Pass, "_wins", lambda _pass, _one, _other: False)
    with pytest.raises((AssertionError, WitnessMismatch)):
        _compare_all()


def test_facts_that_are_forgotten_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestTerms, "_fact", lambda _terms, _fact: "false")
    with pytest.raises(AssertionError):
        test_a_regular_expression_is_reached_or_not_depending_on_what_it_means()
