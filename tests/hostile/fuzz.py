"""Mutates manifests and loads them: nothing but `InputError` may be raised, and a small file takes under a second.

python -m tests.hostile.fuzz --count 2000 --seed 1
"""

import argparse
import random
import sys
import time

from netcheck.errors import InputError
from netcheck.load.loader import load_text
from tests.hostile.seeds import SEEDS

SCRAPS = (
    "null", "~", "[]", "{}", "[null]", "{a: b}", "-1", "0", "65536", "1e400", "1e30", "80.5", ".nan", ".inf", "true", "on", '""', "''",
    "&x", "*x", "<<: *l", "<<: 1", "!!binary aGk=", "!!binary x", "!!int a", "!t v", "|", ">-", "? ", ": ", "- ", "---\n", "...\n", "%YAML 1.1\n",
    "{{ .Values.x }}", "\t", "\0", "\ufeff", "\r\n", "\x85", "\ud800", "é", "#", "kind: List\nitems: [{}]\n", "'", '"', "[[[[[[", "}}}}",
    "a" * 300, "9" * 30, "10.0.0.0/33", "::/0", "1.2.3.4", "metadata: 3\n", "spec: []\n", "status: x\n", "labels: {a: 1}\n",
)  # fmt: skip


def mutate(draw: random.Random, text: str) -> str:
    """Return a text with a few changes."""
    for _ in range(draw.choice([1, 1, 2, 3, 6])):
        tokens = [index for index, sign in enumerate(text) if sign in " \n{}[]:,"] or [0]
        at = draw.choice(tokens)
        kind = draw.randrange(7)
        if kind == 0:
            text = text[:at] + " " + draw.choice(SCRAPS) + text[at:]
        elif kind == 1:
            end = min((index for index in tokens if index > at), default=len(text))
            text = text[: at + 1] + draw.choice(SCRAPS) + text[end:]
        elif kind == 2:
            text = text[:at] + text[at + draw.randrange(1, 30) :]
        elif kind == 3:
            other = draw.choice(SEEDS)
            start = draw.randrange(len(other))
            text = text[:at] + other[start : start + draw.randrange(80)] + text[at:]
        elif kind == 4:
            lines = text.split("\n")
            draw.shuffle(lines) if draw.random() < 0.1 else lines.insert(draw.randrange(len(lines)), draw.choice(lines))
            text = "\n".join(lines)
        elif kind == 5:
            end = min((index for index in tokens if index > at), default=len(text))
            start = draw.choice(tokens)
            stop = min((index for index in tokens if index > start), default=len(text))
            text = text[: at + 1] + text[start:stop] + text[end:]
        else:
            position = draw.randrange(len(text) + 1)
            text = (
                text[:position]
                + chr(draw.choice([0, 9, 10, 13, 34, 39, 58, 0x2028, 0xFEFF, draw.randrange(1, 0x3000)]))
                + text[position:]
            )
    return text


def check(text: str, name: str) -> float:
    """Load a text; return the seconds it took."""
    began = time.perf_counter()
    try:
        loaded = load_text(text, name)
    except InputError:
        pass
    else:
        for problem in loaded.problems:
            assert problem.message
            assert "\n" not in problem.message or "`" in problem.message
        hash(loaded.cluster.policies)
    return time.perf_counter() - began


def main() -> int:
    """Run the fuzzer; the exit status is 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    slowest = 0.0
    for number in range(options.count):
        text = mutate(draw, draw.choice(SEEDS))
        try:
            took = check(text, draw.choice(["x.yaml", "x.json"]))
        except Exception as error:
            sys.stderr.write(f"case {number} of seed {options.seed}: {type(error).__name__}: {error}\n{text}\n")
            raise
        if took > 1:
            sys.stderr.write(f"case {number} of seed {options.seed} took {took:.1f} s\n{text}\n")
            return 1
        slowest = max(slowest, took)
    sys.stdout.write(f"{options.count} cases, seed {options.seed}: nothing found, slowest {slowest * 1000:.0f} ms\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
