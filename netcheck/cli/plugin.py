"""`kubectl netcheck`: the same program as users of kubectl expect it."""

from __future__ import annotations

from collections.abc import Sequence

NAME = "kubectl-netcheck"
CURRENT_CLUSTER = "cluster:"
WITHOUT_DEFAULT = frozenset({"diff", "compare", "migrate"})
"""Commands of which no source can be left out: they compare two, or change files."""
_WITH_VALUE = frozenset({"-n", "--namespace", "--context", "--kubeconfig", "--as", "--as-group", "--request-timeout"})
_ALONE = frozenset({"-A", "--all-namespaces"})


def is_plugin(program: str) -> bool:
    """Return whether a program, as the process was started by, is kubectl's plugin."""
    name = program.replace("\\", "/").rpartition("/")[2]
    return name.removesuffix(".exe") == NAME


def in_order(arguments: Sequence[str]) -> list[str]:
    """Return a command line with those options of kubectl behind the command that were written before it."""
    moved: list[str] = []
    rest = list(arguments)
    while rest and _is_of_kubectl(rest[0]):
        whole = rest[0] in _ALONE or "=" in rest[0] or rest[0] not in _WITH_VALUE
        count = 1 if whole else 2
        moved += rest[:count]
        rest = rest[count:]
    return [rest[0], *moved, *rest[1:]] if rest and not rest[0].startswith("-") else list(arguments)


def _is_of_kubectl(text: str) -> bool:
    name = text.partition("=")[0]
    is_joined = text.startswith("-n") and not text.startswith("--") and len(text) > 2
    return name in _WITH_VALUE or name in _ALONE or is_joined
