"""Immutable, canonical values: sets of ports and of addresses, connections, label selectors.

Two values are equal iff they denote the same thing. Nothing here knows Kubernetes.
"""
