"""A host of an Ingress or Route without TLS.

What it finds: hosts of an Ingress that none of its `tls` entries names, and OpenShift Routes without `tls`.
Why it matters: whoever is between the client and the controller reads and changes what is sent.
When to ignore it: something in front of the controller ends TLS, its default certificate serves the host, or its clients
are in the cluster. The manifests do not tell: it is a guess, reported with `--pedantic`.
How it is decided: by the hosts of the rules and those under `tls`; a wildcard there stands for one label.
Source: SEMANTICS ING-11, ING-15.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.rules.nc303_path_misread import is_used
from netcheck.lint.wording import listed

BAD = """
# pedantic: true
apiVersion: networking.k8s.io/v1  # finds: NC304
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example.com], secretName: shop}]
  rules: [{host: shop.example.com}, {host: blog.example.com}]
"""

GOOD = """
# pedantic: true
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example.com, "*.blog.example.com"], secretName: shop}]
  rules: [{host: shop.example.com}, {host: a.blog.example.com}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Ingress with hosts without TLS, and for each Route without it."""
    for ingress in snapshot.cluster.ingresses:
        named = {host for item in ingress.tls for host in item.hosts}
        every = any(not item.hosts for item in ingress.tls)
        hosts = dict.fromkeys(rule.host for rule in ingress.rules if rule.host)
        lacking = [host for host in hosts if host not in named and f"*.{host.partition('.')[2]}" not in named]
        if lacking and not every:
            yield RULE.finding(
                f"no entry of tls names {listed(lacking)}: it is served without a certificate of its own",
                about=ingress.label,
                place=ingress.place,
                hint="add the host to an entry of tls",
            )
    for route in snapshot.cluster.openshift_routes:
        if not route.termination:
            yield RULE.finding(
                "has no tls: it is served in plain HTTP",
                about=route.label,
                place=route.place,
                hint="add tls.termination",
            )


RULE = Rule(
    code="NC304",
    name="host-without-tls",
    severity="info",
    basis="heuristic",
    summary="A host of an Ingress or Route without TLS",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD,),
    good=(GOOD,),
)
