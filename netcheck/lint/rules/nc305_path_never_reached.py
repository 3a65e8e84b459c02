"""A path of an Ingress or Route that never gets a request.

What it finds: paths of Ingresses, rules without paths, default backends and OpenShift Routes of which other ones take every
request.
Why it matters: the path reads as if it did something. A longer or an exact path of its host goes before it, so that its
backend never gets what it was meant to get.
When to ignore it: an annotation adds conditions to what goes before it. Those of canaries and of the AWS Load Balancer
Controller are known: there nothing is reported.
How it is decided: a few requests of the path are tried; if none reaches it, Z3 proves over every request that others take
it, whatever paths of type ImplementationSpecific mean. One that another takes with the same backend is no finding, nor one
behind more than 200 others that it can meet, nor one about which the solver gives up; at most 200 paths are asked about.
Source: SEMANTICS ING-5, ING-6, ING-9, ING-10, ING-15, ING-16.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.annotations import has_conditions
from netcheck.lint.finding import Finding
from netcheck.lint.requests import Never, chosen_related, request_text, rule_text
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.rules.nc303_path_misread import is_used
from netcheck.lint.wording import listed

BAD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - path: /cart
        pathType: Prefix
        backend: {service: {name: cart-new, port: {number: 80}}}  # finds: NC305
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - {path: /cart, pathType: Exact, backend: {service: {name: cart-page, port: {number: 80}}}}
"""

MOST_NAMED = 3


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each path that is proved never to get a request."""
    special = {item.label for item in snapshot.cluster.ingresses if has_conditions(item)}
    for item in snapshot.requests.never("Ingress", "Route"):
        if special.isdisjoint(one.label for one in (item.chosen, *item.shadows)):
            yield _finding(item)


def _finding(item: Never) -> Finding:
    chosen, one = item.chosen, len(item.shadows) == 1
    names = listed(rule_text(other, chosen) for other in item.shadows)
    what = "never gets a request" if chosen.kind == "Route" else f"{rule_text(chosen, chosen)} never gets a request"
    return RULE.finding(
        f"{what}: {names} {'goes' if one else 'go'} before it and {'takes' if one else 'take'} all that it matches, as "
        f"{request_text(item.request)}",
        about=chosen.label,
        place=chosen.place,
        related=tuple(chosen_related(other, "takes its requests") for other in item.shadows[:MOST_NAMED]),
        hint="make what goes before it narrower, or delete it",
    )


RULE = Rule(
    code="NC305",
    name="path-never-reached",
    severity="warning",
    basis="proved",
    summary="A path of an Ingress or Route that never gets a request",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD,),
    good=(GOOD,),
)
