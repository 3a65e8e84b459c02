"""The options that say how to get to a cluster, for commands that read clusters only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from netcheck.cli.options import option, request_timeout
from netcheck.errors import UsageError
from netcheck.load.cluster_api import Access


def access_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of kubectl for getting to a cluster, as `access` and `namespaces`."""

    @functools.wraps(function)
    def call(**values: Any) -> Any:
        access = Access(
            kubeconfig=values.pop("kubeconfig"),
            context=values.pop("context"),
            user=values.pop("as_user") or "",
            groups=values.pop("as_group"),
            seconds=values.pop("request_timeout"),
        )
        if access.groups and not access.user:
            raise UsageError("--as-group goes with --as")
        return function(access=access, namespaces=values.pop("namespace"), **values)

    decorated: Callable[..., Any] = call
    for item in (
        request_timeout(),
        option("--as-group", metavar="GROUP", multiple=True, says="none", text="And as one of this group. Repeatable."),
        option("--as", "as_user", metavar="USER", says="yourself", text="Read as this user."),
        option(
            "-n",
            "--namespace",
            metavar="NS",
            multiple=True,
            says="that of the context",
            text="Where to look if the cluster does not let its namespaces be listed. Repeatable.",
        ),
        option("--context", metavar="NAME", says="the current one", text="If the source names none."),
        option("--kubeconfig", metavar="FILE", says="as kubectl", text="Where contexts are found."),
    ):
        decorated = item(decorated)
    return decorated
