"""From options and configuration to what the loader is asked for, and what it found."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path

from netcheck.cli.config import Config, read_config
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import Inputs, names_namespace
from netcheck.cli.proxies import cluster_domain, controller
from netcheck.cli.screen import Progress
from netcheck.errors import Severity, UsageError
from netcheck.load.capture import Capture
from netcheck.load.detect_cni import Detection
from netcheck.load.loader import LoadOptions, load
from netcheck.load.rendering import Rendering
from netcheck.model.cluster import Assumption, Cluster, Loaded
from netcheck.model.profile import PROFILES, SWITCH_FIELDS, Addressing, Profile, Switch

NOT_USED_YET = frozenset(
    {
        "anpMaxPriority",
        "npFinal",
        "crossClusterPeers",
        "nsSourceIdentity",
        "linkerdTransport",
        "istioMode",
        "istioVersion",
    }
    | {"multiDefaultIngressClass", "nodeLocalDNS", "proxy"}
)
"""Switches of SEMANTICS appendix A whose objects this version does not model."""
_OWNERS = frozenset({"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"})
_VALUES = {item.value: item for item in Switch}
_IMPL_SPECIFIC = "ingressImplSpecific"
_WORDS = {(_IMPL_SPECIFIC, "prefix"): Switch.YES, (_IMPL_SPECIFIC, "regex"): Switch.NO}
"""Values that SEMANTICS appendix A calls otherwise than yes and no."""


def configuration(inputs: Inputs) -> Config:
    """Return the configuration that counts for these inputs.

    Raises:
        UsageError: it cannot be used.
    """
    return read_config(inputs.config, Path.cwd())


def load_inputs(
    inputs: Inputs,
    config: Config,
    replaced: Mapping[str, bytes] | None = None,
    kept: MutableMapping[str, Capture] | None = None,
    *,
    evidence: bool = False,
) -> Loaded:
    """Load the sources that the user named, under the profile and addresses that the user gave.

    `replaced` are bytes to read in place of files, `kept` clusters that were read before, and are not read again.
    `evidence`: whether to read what the configuration of containers names.

    Raises:
        UsageError: an option or the configuration cannot be used.
        InputError: there is nothing to analyse.
    """
    given = {**config.assume, **dict(_assumed(text) for text in inputs.assume)}
    cni = inputs.cni or config.cni or "generic"
    profile = _profile(cni, given)
    progress = Progress(enabled=not (inputs.no_progress or inputs.quiet))
    options = LoadOptions(
        namespace=inputs.namespace,
        profile=profile,
        detected=(lambda found: _of_detection(found, given)) if cni == "auto" else None,
        addressing=_addressing(inputs, config),
        controllers=tuple(map(controller, inputs.ingress_controller)) or config.controllers,
        cluster_domain=_cluster_domain(inputs, config),
        whole=config.whole,
        namespace_labels=config.namespace_labels,
        workload_kinds=config.workload_kinds,
        rendering=Rendering(
            helm=inputs.helm or bool(inputs.helm_values), kustomize=inputs.kustomize, values=inputs.helm_values
        ),
        stdin=sys.stdin.buffer,
        access=inputs.access,
        kept=kept,
        namespaces=inputs.reported,
        replaced=replaced or {},
        evidence=evidence,
        progress=progress.callback(),
    )
    try:
        loaded = load(inputs.sources or (".",), options)
    finally:
        progress.done()
    _check_namespaces(inputs, loaded)
    stated = _stated(given)
    return replace(loaded, assumptions=(*loaded.assumptions, *stated)) if stated else loaded


def _profile(name: str, given: Mapping[str, str]) -> Profile:
    known = "generic" if name == "auto" else name
    if known not in PROFILES:
        raise UsageError(f"unknown CNI profile `{name}`{did_you_mean(name, [*PROFILES, 'auto'])}")
    profile = PROFILES[known]
    for switch, value in given.items():
        profile = profile.with_switch(_switch_field(switch), _switch_value(switch, value))
    return profile


def _assumed(text: str) -> tuple[str, str]:
    switch, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"`--assume {text}` must be SWITCH=VALUE, e.g. cidrMatchesPods=no")
    return switch.strip(), value.strip()


def _switch_field(switch: str) -> str:
    if switch in NOT_USED_YET:
        listed = ", ".join(f"`{name}`" for name in SWITCH_FIELDS)
        raise UsageError(f"this version does not use the switch `{switch}` yet; it has {listed}")
    if switch not in SWITCH_FIELDS:
        raise UsageError(f"unknown switch `{switch}`{did_you_mean(switch, SWITCH_FIELDS)}")
    return SWITCH_FIELDS[switch]


def _switch_value(switch: str, value: str) -> Switch:
    found = _WORDS.get((switch, value)) or _VALUES.get(value)
    if found is None:
        words = "`prefix`, `regex`" if switch == _IMPL_SPECIFIC else "`yes`, `no`"
        raise UsageError(
            f"`{switch}={value}`: {'this' if switch == _IMPL_SPECIFIC else 'a'} switch is {words} or `unknown`"
        )
    return found


def _of_detection(found: Detection, given: Mapping[str, str]) -> Profile:
    """Return the profile of a CNI that was found, with the switches that the user set."""
    profile = _profile(found.profile, given)
    if found.enforced is not None and "enforced" not in given:
        profile = profile.with_switch("enforced", found.enforced)
    for switch, value in found.switches:
        if switch not in given:
            profile = profile.with_switch(SWITCH_FIELDS[switch], value)
    return profile


def _stated(given: Mapping[str, str]) -> tuple[Assumption, ...]:
    """Return what the user's options assume, so that an output tells it without the command line."""
    return tuple(
        Assumption(message=f"the switch `{switch}` is `{value}`, as given", option="--assume")
        for switch, value in sorted(given.items())
    )


def _cluster_domain(inputs: Inputs, config: Config) -> str:
    if inputs.cluster_domain is not None:
        return cluster_domain(inputs.cluster_domain)
    return config.cluster_domain or LoadOptions().cluster_domain


def _addressing(inputs: Inputs, config: Config) -> Addressing:
    return Addressing(
        pod_cidrs=_cidrs("--pod-cidr", inputs.pod_cidr or config.pod_cidrs),
        service_cidrs=_cidrs("--service-cidr", inputs.service_cidr or config.service_cidrs),
        node_cidrs=_cidrs("--node-cidr", inputs.node_cidr or config.node_cidrs),
    )


def _cidrs(option: str, texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cidr(option, part.strip()) for text in texts for part in text.split(",") if part.strip())


def _cidr(option: str, text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UsageError(f"{option}: `{text}` is not a CIDR such as 10.0.0.0/8 or fd00::/8") from None
    if "/" in text and ipaddress.ip_interface(text).ip != network.network_address:
        raise UsageError(f"{option}: `{text}` has bits set behind its prefix; did you mean `{network}`?")
    return str(network)


def may_be_unread(cluster: Cluster, text: str) -> bool:
    """Return whether a name of a workload may be that of one that could not be read (LIVE-6)."""
    namespace, slash, _ = text.partition("/")
    decisive = [item for item in cluster.unread if item.kind == "Pod" or item.plural in _OWNERS]
    return any(not slash or item.concerns(namespace) for item in decisive)


def _check_namespaces(inputs: Inputs, loaded: Loaded) -> None:
    hidden = any(item.kind == "Namespace" for item in loaded.cluster.unread)
    for name in sorted(split_names(inputs.only_namespace)):
        if name not in loaded.cluster.namespaces and not hidden:
            hint = did_you_mean(name, loaded.cluster.namespaces)
            option = "-n" if name in inputs.reported else "--only-namespace"
            raise UsageError(f"{option}: nothing that was read lies in namespace `{name}`{hint}")


def default_namespace(inputs: Inputs, loaded: Loaded) -> str:
    """Return where names of ends lie that name no namespace: that of -n, else of a live cluster that of its context."""
    return inputs.namespace if names_namespace() else loaded.home or inputs.namespace


def is_lossy(loaded: Loaded) -> bool:
    """Return whether part of the input could not be read or was refused: the exit code 4 of docs/cli.md."""
    return loaded.lost_anything or any(item.severity is Severity.ERROR for item in loaded.problems)


def split_names(texts: Iterable[str]) -> frozenset[str]:
    """Return the names of a repeatable option whose values may be comma separated."""
    return frozenset(part.strip() for text in texts for part in text.split(",") if part.strip())
