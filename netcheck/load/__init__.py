"""From text, files and git revisions to the model: parse, default, validate as the API server does.

Loading collects problems and goes on. It decides no meaning of any policy.
"""
