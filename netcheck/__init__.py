"""netcheck: who can talk to whom in a Kubernetes cluster, through what, and who decided it."""

__version__ = "0.1.0"
