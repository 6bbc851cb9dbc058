"""The case memory: what a fit takes beyond X, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).with_name("memory_probe.py")


def memory(options, report):
    """Peak of what NumPy allocates during `fit`, over the size of X."""
    rows = 20_000 if options.quick else 1_000_000
    subject = f"{rows}x50x10"
    print(f"\nMemory of one fit, {subject} classes, float64")
    for kind in ("memory", "mapped", "rival"):
        command = [sys.executable, str(PROBE), kind, str(rows), str(options.cores)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"  {kind}: failed\n{done.stderr}")
            continue
        found = json.loads(done.stdout)
        share = found["peak"] / found["X"]
        name = {"memory": "X in memory", "mapped": "X memory-mapped"}.get(
            kind, "lbfgs, X in memory"
        )
        report.run("memory", subject, name, found["seconds"], found["evaluations"],
                   traced_MB=found["peak"] / 1e6, resident_MB=found["resident"] / 1e6)  # fmt: skip
        report.figure("memory", subject, f"{name}: peak beyond X over X", share)
