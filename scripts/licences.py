#!/usr/bin/env python3
"""Checks the licence of every dependency against deny.toml's list, with nothing but Python 3.11 and cargo."""

import re
import subprocess
import sys
import tomllib


def allowed(expression: str, allow: set[str]) -> bool:
    """Whether an SPDX expression can be fulfilled with allowed licences alone."""
    # Old manifests write "MIT/Apache-2.0" for a choice.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def factor() -> bool:
        nonlocal position
        token = tokens[position]
        position += 1
        if token == "(":
            value = choice()
            position += 1
            return value
        name = token
        if position < len(tokens) and tokens[position] == "WITH":
            name = f"{token} WITH {tokens[position + 1]}"
            position += 2
        return name in allow

    def chain(operand, operator: str, combine) -> bool:
        nonlocal position
        value = operand()
        while position < len(tokens) and tokens[position] == operator:
            position += 1
            value = combine(operand(), value)
        return value

    def both() -> bool:
        return chain(factor, "AND", lambda a, b: a and b)

    def choice() -> bool:
        return chain(both, "OR", lambda a, b: a or b)

    return choice()


def main() -> int:
    with open("deny.toml", "rb") as file:
        licenses = tomllib.load(file)["licenses"]
    allow = set(licenses["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in licenses.get("exceptions", [])}
    # Of all platforms, but only what the features in use ask for: the lock file names more.
    command = ["cargo", "tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev"]
    command += ["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"]
    tree = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    packages = sorted({line for line in tree.splitlines() if line})
    refused, foreign = [], []
    for package, licence in (line.split("|") for line in packages):
        # "name v1.2.3", then "(proc-macro)", a path of the workspace, or the address of another source.
        name, version, *rest = package.split(" ", 2)
        if not licence or not allowed(licence, allow | exceptions.get(name, set())):
            refused.append(f"{name} {version}: {licence or 'no licence stated'}")
        if any("://" in word for word in rest):
            foreign.append(package)
    for line in refused + foreign:
        print(f"not allowed: {line}")
    print(f"licences: {len(packages) - len(refused)} packages allowed, {len(refused)} refused; {len(foreign)} of foreign sources")
    return 1 if refused or foreign else 0


if __name__ == "__main__":
    sys.exit(main())
