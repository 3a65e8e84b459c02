"""A match of a route that never gets a request.

What it finds: matches of HTTPRoutes, GRPCRoutes and TLSRoutes of which other matches take every request, at every listener
and Service port.
Why it matters: the rule reads as if it did something. A longer path, an exact one, more headers or an earlier rule goes
before it, so that its backends never get what they were meant to get.
When to ignore it: the match repeats another one of its rule: deleting it changes nothing; an info then.
How it is decided: a few requests of the match are tried; if none reaches it, Z3 proves over every request that others take
it, whatever regular expressions mean. The shadowing matches are a minimal set. Matches behind more than 200 others that
they can meet are no finding, nor those about which the solver gives up; at most 200 matches are asked about.
Source: SEMANTICS GW-6, GW-17, GW-18, GW-19, GW-33.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import has_routes
from netcheck.lint.finding import Finding
from netcheck.lint.requests import Never, chosen_related, request_text, rule_text
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /cart}}]
    backendRefs: [{name: cart, port: 80}]
  - matches: [{path: {value: /cart}}, {path: {type: Exact, value: /cart}}]  # finds: NC407
    backendRefs: [{name: cart-new, port: 80}]
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /}}]
    backendRefs: [{name: shop, port: 80}]
  - matches: [{path: {value: /cart}}, {path: {value: /basket}, method: GET}]
    backendRefs: [{name: cart, port: 80}]
"""

KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute")
MOST_NAMED = 3


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each match that is proved never to get a request."""
    for item in snapshot.requests.never(*KINDS):
        yield _finding(item)


def _finding(item: Never) -> Finding:
    chosen = item.chosen
    own = all((other.label, other.rule) == (chosen.label, chosen.rule) for other in item.shadows)
    names = listed(rule_text(other, chosen) for other in item.shadows)
    return RULE.finding(
        f"{rule_text(chosen, chosen)} never gets a request: {names} {'goes' if len(item.shadows) == 1 else 'go'} before it "
        f"and {'takes' if len(item.shadows) == 1 else 'take'} all that it matches, as {request_text(item.request)}",
        about=chosen.label,
        place=chosen.place,
        severity="info" if own else "warning",
        related=tuple(chosen_related(other, "takes its requests") for other in item.shadows[:MOST_NAMED]),
        hint="delete it: nothing changes" if own else "make what goes before it narrower, or delete it",
    )


RULE = Rule(
    code="NC407",
    name="route-never-reached",
    severity="warning",
    basis="proved",
    summary="A match of a route that never gets a request",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_routes,
    bad=(BAD,),
    good=(GOOD,),
)
