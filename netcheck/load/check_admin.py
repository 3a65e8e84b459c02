"""Structural checks of admin network policies, after their CRDs (policy.networking.k8s.io)."""

from __future__ import annotations

from typing import Any

from netcheck.load.report import Report


def check_admin_policy(report: Report, value: dict[str, Any]) -> None:
    """Check an AdminNetworkPolicy or BaselineAdminNetworkPolicy (v1alpha1)."""


def check_cluster_policy(report: Report, value: dict[str, Any]) -> None:
    """Check a ClusterNetworkPolicy (v1alpha2)."""
