"""Sorts the problems that loading found in objects to the one rule that reports each."""

from __future__ import annotations

import re
from enum import Enum

from netcheck.errors import Problem, Severity

_UNNAMED_PORT = re.compile(r"ports\[\d+\]\.name: (required value|duplicate value ``)$")


class Fault(Enum):
    """What a problem of an object is to the rules."""

    REFUSED = "refused by the API server"
    UNKNOWN_FIELD = "a field or version that the API does not have"
    ADMIN_VERSION = "admin policies of two versions, or a baseline that is not named default"
    UNNAMED_PORT = "one of several ports of a Service, EndpointSlice or Endpoints without a name"
    TWICE = "an object that the input defines twice, differently"
    OTHER = "reported as a problem only"


def fault_of(problem: Problem) -> Fault:
    """Return what a problem is; a document that could not be read as an object is never a finding."""
    if not problem.object:
        return Fault.OTHER
    message = problem.message
    if "unknown field, which the API server drops or refuses" in message:
        return Fault.UNKNOWN_FIELD
    if "no server from 1.30 on has the kind" in message:
        return Fault.UNKNOWN_FIELD
    if "`ClusterNetworkPolicy` (v1alpha2), which replaces this kind" in message:
        return Fault.ADMIN_VERSION
    if "only one baseline admin network policy with the name" in message:
        return Fault.ADMIN_VERSION
    if problem.object.startswith(("Service ", "EndpointSlice ", "Endpoints ")) and _UNNAMED_PORT.search(message):
        return Fault.UNNAMED_PORT
    if message.startswith("defined twice"):
        return Fault.TWICE if message.startswith("defined twice:") else Fault.OTHER
    if problem.severity is Severity.ERROR or "servers from 1.36 refuse it" in message:
        return Fault.REFUSED
    return Fault.OTHER


def is_template(problem: Problem) -> bool:
    """Return whether a problem says that a template was skipped, for it is not rendered."""
    return "unrendered template" in problem.message
