#!/usr/bin/env python3
"""Checks the licence of every dependency against deny.toml's list, with nothing but Python 3.11 and cargo."""

import json
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
        allow = set(tomllib.load(file)["licenses"]["allow"])
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    refused = [
        f"{package['name']} {package['version']}: {package['license'] or 'no licence stated'}"
        for package in packages
        if not package["license"] or not allowed(package["license"], allow)
    ]
    foreign = [p["id"] for p in packages if p["source"] and not p["source"].startswith("registry+")]
    for line in refused + foreign:
        print(f"not allowed: {line}")
    print(f"licences: {len(packages) - len(refused)} packages allowed, {len(refused)} refused; {len(foreign)} of foreign sources")
    return 1 if refused or foreign else 0


if __name__ == "__main__":
    sys.exit(main())
