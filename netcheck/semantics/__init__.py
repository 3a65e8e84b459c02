"""The oracle: a slow, plain reading of the rules, one short function per rule id of SEMANTICS.

It shares the loaded model, as data, with the engines, and nothing of the meaning: what decides here (matching,
containment, lookup) is written here. Cost does not matter; obviousness does.
"""
