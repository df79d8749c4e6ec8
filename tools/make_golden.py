#!/usr/bin/env python3
"""Regenerates the golden files under tests/goldens/: tools/make_golden.py PART... (without a part: all of them).

PART is a file of tools/golden/; it writes tests/goldens/PART/ and prints the versions of the reference packages. Only these scripts use
packages from PyPI; users do not need them.
"""

import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parent / "golden"


def main() -> int:
    known = sorted(path.stem for path in TOOLS.glob("*.py"))
    wanted = sys.argv[1:] or known
    if unknown := [part for part in wanted if part not in known]:
        print(f"error: no part named {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for part in wanted:
        print(f"== {part}", flush=True)
        if code := subprocess.run([sys.executable, str(TOOLS / f"{part}.py")]).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
