"""A path or host of an Ingress that does not mean what it looks like.

What it finds: `*` and regular expressions in paths of type Prefix or Exact, hosts under `tls` that no rule serves, and one
host and path in two Ingresses or Routes with different backends.
Why it matters: `*` is a plain character there, so that `/files*` matches nothing that begins with `/files`. A certificate
for a host without a rule encrypts a 404. Of two Ingresses with one host and path the controller chooses one.
When to ignore it: the controller takes such paths as patterns whatever their type is; where an annotation for regular
expressions or rewrites says so, nothing is reported, nor where one adds
conditions to an Ingress or makes it a canary of another.
How it is decided: by the text. Whether two objects contend is shown by a request which the oracle confirms that nothing
decides about. That clients of an Exact path ask for what is below it is a guess, reported with `--pedantic`.
Source: SEMANTICS ING-4, ING-6, ING-11, ING-16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.lint.annotations import has_conditions, takes_patterns
from netcheck.lint.finding import Finding
from netcheck.lint.requests import Tied, chosen_related, request_text
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed
from netcheck.model.request import Chosen
from netcheck.model.routes import Ingress, IngressPath, IngressRule

BAD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  tls:
  - {hosts: [shop.example.com, old.example.com], secretName: shop}  # finds: NC303
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /files*, pathType: Prefix, backend: {service: {name: files, port: {number: 80}}}}  # finds: NC303
      - {path: "/v1(/|$)(.*)", pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}  # finds: NC303
"""

BAD_TIE = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: cart, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http: {paths: [{path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: cart-new, namespace: shop}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - path: /cart/
        pathType: Prefix
        backend: {service: {name: cart-new, port: {number: 80}}}  # finds: NC303
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  namespace: shop
  annotations: {nginx.ingress.kubernetes.io/use-regex: "true"}
spec:
  tls: [{hosts: ["*.example.com"], secretName: shop}]
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: "/v1(/|$)(.*)", pathType: ImplementationSpecific, backend: {service: {name: api, port: {number: 80}}}}
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - {path: /cart, pathType: Exact, backend: {service: {name: cart-page, port: {number: 80}}}}
"""

_PATTERN = ("(", "[", "|", "\\\\", "^", "$")
"""What no path holds that is not meant as a pattern, besides `*`."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each path, host under `tls`, and pair of objects that contend."""
    served = _Hosts(snapshot.cluster.ingresses)
    for ingress in snapshot.cluster.ingresses:
        yield from _paths(ingress)
        yield from _tls(ingress, served)
    special = {item.label for item in snapshot.cluster.ingresses if has_conditions(item)}
    for tie in snapshot.requests.ties("Ingress", "Router"):
        plain = [item for item in tie.contenders if item.rule < 0 or item.match >= 0 or item.kind == "Route"]
        if len(plain) > 1 and special.isdisjoint(item.label for item in tie.contenders):  # ING-10: rules without paths
            yield _tie(tie)


# ---- paths ---------------------------------------------------------------------------------------------------------------


def _paths(ingress: Ingress) -> Iterator[Finding]:
    if takes_patterns(ingress):
        return
    for rule in ingress.rules:
        for item in rule.paths or ():
            if item.type == "ImplementationSpecific":
                continue
            if "*" in item.path or any(sign in item.path for sign in _PATTERN):
                yield _pattern(ingress, item)
            elif item.type == "Exact" and _has_more(rule, item):
                yield _exact(ingress, item)


def _pattern(ingress: Ingress, item: IngressPath) -> Finding:
    plain = item.path.rstrip("*").rstrip("/") or "/"
    simple = not any(sign in plain for sign in (*_PATTERN, "*"))
    return RULE.finding(
        f"`{item.path}` of type {item.type} is no pattern: it matches only paths that hold these very characters",
        about=ingress.label,
        place=item.place or ingress.place,
        hint=f"write path `{plain}` of type Prefix"
        if simple
        else "write type ImplementationSpecific, as the controller asks",
    )


def _has_more(rule: IngressRule, item: IngressPath) -> bool:
    """Return whether an Exact path looks like a folder below which nothing else of the rule leads."""
    last = item.path.rpartition("/")[2]
    below = (other for other in rule.paths or () if other is not item and other.path.startswith(item.path.rstrip("/")))
    return item.path != "/" and "." not in last and last in ("api", "v1", "v2", "static", "assets") and not any(below)


def _exact(ingress: Ingress, item: IngressPath) -> Finding:
    return RULE.finding(
        f"`{item.path}` of type Exact does not match `{item.path.rstrip('/')}/...`",
        about=ingress.label,
        place=item.place or ingress.place,
        severity="info",
        basis="heuristic",
        hint="write type Prefix if what is below it is meant too",
    )


# ---- hosts ---------------------------------------------------------------------------------------------------------------


class _Hosts:
    """The hosts that rules of all Ingresses serve."""

    def __init__(self, ingresses: Sequence[Ingress]) -> None:
        self._hosts = {rule.host for ingress in ingresses for rule in ingress.rules}
        self._parents = {host.partition(".")[2] for host in self._hosts}

    def serve(self, host: str) -> bool:
        """Return whether a rule has the host, a wildcard that covers it, or one that it covers (ING-4)."""
        first, _, parent = host.partition(".")
        return host in self._hosts or f"*.{parent}" in self._hosts or (first == "*" and parent in self._parents)


def _tls(ingress: Ingress, served: _Hosts) -> Iterator[Finding]:
    if ingress.default_backend is not None or any(not rule.host for rule in ingress.rules):
        return  # any host is served
    for item in ingress.tls:
        unused = [host for host in item.hosts if host and not served.serve(host.lower())]
        if unused:
            yield RULE.finding(
                f"no rule serves {listed(unused)}, for which TLS is asked: requests for {'them' if unused[1:] else 'it'} get "
                "the controller's default answer",
                about=ingress.label,
                place=item.place or ingress.place,
                hint=_wildcard_hint(ingress, unused),
            )


def _wildcard_hint(ingress: Ingress, unused: Sequence[str]) -> str:
    for rule in ingress.rules:
        if rule.host.startswith("*.") and any(host.endswith(rule.host[1:]) for host in unused):
            return f"`{rule.host}` stands for one label only"
    return "add a rule for the host, or delete it from tls"


def _tie(tie: Tied) -> Finding:
    last = tie.contenders[-1]
    decides = "the controller chooses one" if last.kind == "Ingress" else "the older one owns it, and no age is known"
    return RULE.finding(
        f"{request_text(tie.request)} is matched equally well by {listed(map(_label, tie.contenders))}, with different "
        f"backends: {decides}",
        about=last.label,
        place=last.place,
        basis="proved",
        related=tuple(chosen_related(item, "matches it too") for item in tie.contenders[:-1]),
        hint="give one of them another host or path, or join the two",
    )


def _label(chosen: Chosen) -> str:
    return chosen.label


def is_used(snapshot: Snapshot) -> bool:
    """Return whether an Ingress or an OpenShift Route was read."""
    return bool(snapshot.cluster.ingresses or snapshot.cluster.openshift_routes)


RULE = Rule(
    code="NC303",
    name="path-misread",
    severity="warning",
    basis="syntactic",
    summary="A path or host of an Ingress that does not mean what it looks like",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD, BAD_TIE),
    good=(GOOD,),
)
