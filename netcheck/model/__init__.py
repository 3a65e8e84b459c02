"""The cluster, its policies and services, flows, verdicts and answers, as frozen data with places.

Only data: nothing here decides what a policy means. `Place` and `Problem` live in `netcheck.errors`.
"""
