"""The kubeconfig as kubectl reads it, where the `kubernetes` client reads it otherwise or says nothing.

Several files are merged, the first that says something counting, the current context too; users may act as others;
exec plugins that fail are told; proxies may ask for a password. The client is handed in: one module imports it.
"""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from netcheck.errors import InputError, UsageError

_KNOWN_PROVIDERS = ("gcp", "oidc")


@dataclass(frozen=True, slots=True)
class Found:
    """A context of a kubeconfig: its name, its namespace, and whom its user acts as."""

    loader: Any
    context: str
    namespace: str
    user: str
    groups: tuple[str, ...]
    signs_in: str
    """How the user signs in, if that takes a program: its name."""


def read(config: Any, file: str | None, wanted: str) -> Found:
    """Return a context of a kubeconfig, empty: the current one.

    Raises:
        UsageError: its user signs in by a way that the client does not have.
    """
    merged = config.kube_config.KubeConfigMerger(_files(config, file))
    if merged.config is None:
        raise config.ConfigException("No configuration found.")
    name = wanted or _current(merged)
    if not name:
        raise config.ConfigException("It has no current-context")
    loader = config.kube_config.KubeConfigLoader(config_dict=merged.config, active_context=name, config_base_path=None)
    chosen = loader.current_context
    inner = chosen["context"]
    user = _user(merged, str(inner.get("user") or ""))
    provider = (user.get("auth-provider") or {}).get("name")
    if provider and provider not in _KNOWN_PROVIDERS:
        raise UsageError(
            f"the user of context `{name}` signs in by the auth-provider `{provider}`, which is gone from Kubernetes\n"
            "  hint: use the provider's exec plugin, e.g. kubelogin for Azure"
        )
    return Found(
        loader=loader,
        context=str(chosen["name"]),
        namespace=str(inner.get("namespace") or "default"),
        user=str(user.get("as") or ""),
        groups=tuple(map(str, user.get("as-groups") or ())),
        signs_in=str((user.get("exec") or {}).get("command") or ""),
    )


def contexts(config: Any, file: str | None) -> list[str]:
    """Return the names of the contexts of a kubeconfig; none if it is no good."""
    try:
        found = config.kube_config.KubeConfigMerger(_files(config, file)).config.value["contexts"]
        return sorted(str(_plain(item)["name"]) for item in found)
    except Exception:  # noqa: BLE001 - whatever is wrong with the file was said already
        return []


def apply(found: Found, configuration: Any) -> None:
    """Put what a context says into the client's settings.

    Raises:
        InputError: the program by which the user signs in fails.
    """
    with _complaints() as told:
        found.loader.load_and_set(configuration)
    if told and found.signs_in:
        raise InputError(
            f"the exec plugin `{found.signs_in}` of context `{found.context}` fails: {_few_words(told[0])}\n"
            "  hint: see whether `kubectl get namespaces` works"
        )
    secret = urlsplit(configuration.proxy or "")
    if secret.username is not None:
        text = f"{unquote(secret.username)}:{unquote(secret.password or '')}"
        token = base64.b64encode(text.encode()).decode()
        configuration.proxy_headers = {"proxy-authorization": f"Basic {token}"}


def _files(config: Any, file: str | None) -> str:
    return file or os.environ.get("KUBECONFIG") or str(config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION)


def _current(merged: Any) -> str:
    """Return the current context: that of the first file that names one."""
    named = (item.get("current-context") for item in merged.config_files.values() if isinstance(item, dict))
    return next((str(name) for name in named if name), "")


def _user(merged: Any, name: str) -> dict[str, Any]:
    users = [_plain(item) for item in merged.config.value.get("users") or ()]
    found = next((item.get("user") for item in users if isinstance(item, dict) and item.get("name") == name), None)
    return found if isinstance(found, dict) else {}


def _plain(node: Any) -> Any:
    return getattr(node, "value", node)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what the client logs, and keep it off the screen: it logs failures of plugins, and goes on."""
    told: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    root, handler = logging.getLogger(), Handler(logging.ERROR)
    root.addHandler(handler)
    try:
        yield told
    finally:
        root.removeHandler(handler)


def _few_words(text: str) -> str:
    words = " ".join(text.removeprefix("exec: ").split())
    return words if len(words) <= 300 else f"{words[:300]} ..."
