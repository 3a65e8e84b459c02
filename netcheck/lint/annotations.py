"""What annotations of Ingresses change that the rules would otherwise misread: controllers of several makers offer them.

Source: annotations of ingress-nginx, the AWS Load Balancer Controller, Contour and Traefik.
"""

from __future__ import annotations

from netcheck.model.routes import Ingress

_PATTERNS = ("use-regex", "rewrite-target", "rewrites", "regex")
_CONDITIONS = ("/canary", "/conditions.", "/actions.", "mergeable-ingress-type")
_ANSWERS = ("/permanent-redirect", "/temporal-redirect")
USE_ANNOTATION = "use-annotation"
"""The name of the port with which the AWS controller is told that an annotation says what a backend does."""


def takes_patterns(ingress: Ingress) -> bool:
    """Return whether the controller is told to take paths as regular expressions, or to rewrite what they match."""
    return any(word in key for key in ingress.annotations for word in _PATTERNS)


def has_conditions(ingress: Ingress) -> bool:
    """Return whether not only host and path decide what the Ingress takes: a canary, or conditions of its own."""
    return any(word in key and value != "false" for key, value in ingress.annotations.items() for word in _CONDITIONS)


def answers_itself(ingress: Ingress) -> bool:
    """Return whether the controller answers with a redirect, so that no backend is contacted."""
    return any(key.endswith(_ANSWERS) for key in ingress.annotations)
