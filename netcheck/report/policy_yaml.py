"""NetworkPolicies as YAML documents to apply, each under comments that say why it is there."""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.model.policy import NetworkPolicy
from netcheck.queries.manifests import network_policy_text


def policy_yaml(policy: NetworkPolicy, comments: Sequence[str] = ()) -> str:
    """Return one document: a line of comment for each line of `comments`, then the policy."""
    lines = [line for text in comments for line in text.splitlines() or [""]]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + network_policy_text(policy)
