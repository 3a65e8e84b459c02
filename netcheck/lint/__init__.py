"""The rule catalogue: what is wrong or dangerous in the loaded objects, as findings with places.

`run.lint` is the entry; `catalogue.RULES` lists the rules, one file each under `rules`.
"""
