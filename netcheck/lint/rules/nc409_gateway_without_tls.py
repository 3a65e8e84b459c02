"""A Gateway that serves plain HTTP only.

What it finds: Gateways all of whose listeners are of protocol HTTP.
Why it matters: whoever is between the client and the Gateway reads and changes what is sent.
When to ignore it: something in front of the Gateway ends TLS, or its clients are in the cluster. The manifests do not tell:
it is a guess, reported with `--pedantic`.
How it is decided: by the protocols of the Gateway's own listeners and of the ListenerSets that join it.
Source: SEMANTICS GW-3.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import has_gateways
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot

BAD = """
# pedantic: true
apiVersion: gateway.networking.k8s.io/v1  # finds: NC409
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
"""

GOOD = """
# pedantic: true
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: websecure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Gateway without a listener that speaks TLS."""
    for item in snapshot.attached.gateways:
        merged = [*item.listeners, *(one for each in item.sets for one in each.listeners)]
        if merged and all(one.listener.protocol == "HTTP" for one in merged):
            yield RULE.finding(
                "every listener is of protocol HTTP: what is sent can be read and changed on the way",
                about=item.gateway.label,
                place=item.gateway.place,
                hint="add a listener of protocol HTTPS, and redirect to it",
            )


RULE = Rule(
    code="NC409",
    name="gateway-without-tls",
    severity="info",
    basis="heuristic",
    summary="A Gateway that serves plain HTTP only",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateways,
    bad=(BAD,),
    good=(GOOD,),
)
