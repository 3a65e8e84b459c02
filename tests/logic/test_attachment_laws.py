"""What holds of attachment in any cluster: order does not matter, hostnames only narrow, ages only settle."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netcheck.logic.attachment import attachments
from netcheck.logic.hostnames import covers
from netcheck.queries.routes import Ask, routes
from tests.route_strategies import of_seed

SEEDS = range(120)
LISTS = ("gateways", "listener_sets", "routes", "grants", "backend_tls", "services", "materials")


def shuffled(cluster, seed):
    rng = random.Random(seed)
    return replace(
        cluster, **{name: tuple(rng.sample(getattr(cluster, name), len(getattr(cluster, name)))) for name in LISTS}
    )


def told(cluster):
    """Return everything that is told about a cluster, in an order of its own."""
    found = attachments(cluster)
    told = {}
    for gateway in cluster.gateways:
        for bound in found.listeners(gateway):
            names = sorted((item.route.label, item.hostnames, item.reasons) for item in found.bindings(bound))
            told[bound.key] = (bound.accepted, bound.kinds, bound.conditions, bound.attached, bound.reasons, names)
    for route in cluster.routes:
        told[route.label] = tuple(found.parents(route))
    told["mesh"] = sorted((item.route.label, item.service.name, item.port or 0) for item in found.mesh_bindings)
    told["sets"] = sorted((item.listener_set.label, item.conditions) for item in found.sets)
    return told


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_objects_does_not_matter(seed):
    cluster = of_seed(seed)
    assert told(shuffled(cluster, seed)) == told(cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_attached_fits_its_listener(seed):
    cluster = of_seed(seed)
    found = attachments(cluster)
    for gateway in cluster.gateways:
        for bound in found.listeners(gateway):
            bindings = found.bindings(bound)
            assert bound.attached >= sum(not item.reasons for item in bindings)
            for item in bindings:
                assert item.hostnames
                assert all(covers(bound.listener.hostname, name) for name in item.hostnames)


@pytest.mark.parametrize("seed", SEEDS)
def test_creation_times_settle_what_depended_on_them(seed):
    cluster = of_seed(seed)
    dated = replace(
        cluster,
        routes=tuple(replace(item, created=item.created or "2030-01-01T00:00:00Z") for item in cluster.routes),
        listener_sets=tuple(
            replace(item, created=item.created or "2030-01-01T00:00:00Z") for item in cluster.listener_sets
        ),
    )
    found = attachments(dated)
    reasons = [
        reason.rule
        for gateway in dated.gateways
        for bound in found.listeners(gateway)
        for item in found.bindings(bound)
        for reason in item.reasons
    ]
    assert "GW-14" not in reasons


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fault_is_unknown_iff_its_condition_is(seed):
    for fault in routes(of_seed(seed), ask=Ask.NEVER).faults:
        assert fault.unknown == ("Unknown" in fault.what or "unknown" in fault.what)
        assert fault.message
