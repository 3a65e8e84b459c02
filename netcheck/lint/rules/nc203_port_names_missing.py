"""Several ports of which some have no name.

What it finds: Services, EndpointSlices and Endpoints with several ports of which one or more have no name.
Why it matters: the API server refuses the object. Endpoints are joined to the ports of a Service by name, so with several
ports each needs one; a single port may go without.
When to ignore it: never.
How it is decided: the loader checks each object as the API server does; refusals for this reason are reported here and not
by NC114. Whether the names of an EndpointSlice are those of its Service is NC207.
Source: SEMANTICS SVC-8, SVC-34.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - port: 80  # finds: NC203
  - {name: https, port: 443}
"""

BAD_SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports:
- port: 5432
- port: 9187  # finds: NC203
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: https, port: 443}]}
---
apiVersion: v1
kind: Service
metadata: {name: single, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each port that lacks its name."""
    for problem in snapshot.loaded.problems:
        if fault_of(problem) is Fault.UNNAMED_PORT:
            path = problem.message.partition(".name: ")[0]
            yield RULE.finding(
                f"{path} has no name: with several ports each needs one, and the API server refuses the object",
                about=problem.object,
                place=problem.place,
                hint="name every port, as in `{name: http, port: 80}`",
            )


def has_refusals(snapshot: Snapshot) -> bool:
    """Return whether a Service was read, or something was refused."""
    return bool(snapshot.cluster.services or snapshot.loaded.problems)


RULE = Rule(
    code="NC203",
    name="port-names-missing",
    severity="error",
    basis="syntactic",
    summary="Several ports of which some have no name",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_refusals,
    bad=(BAD, BAD_SLICE),
    good=(GOOD,),
)
