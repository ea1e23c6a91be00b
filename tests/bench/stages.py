"""What a run in stages costs: seconds and memory of every stage, each a process of its own, beside the run in one process.

See tests/bench/stages for how it is called.
"""

import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path

STAGES, DATA, WORK = (Path(path) for path in sys.argv[1:4])
SIZES = [int(size) for size in sys.argv[4:]] or [1_000_000]
PART_BYTES = 64 * 1024 * 1024
# Beyond this the run in one process needs more memory than most machines have.
AT_ONCE_MAX = 1_000_000


def stage(name, desk, *rest):
    """Runs one stage; what it took."""
    done = subprocess.run([STAGES, name, desk, *map(str, rest)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def told(name, stages):
    """A line of the table."""
    seconds = [taken["seconds"] for taken in stages]
    peak = max(taken["peak_mib"] for taken in stages)
    print(f"| {name} | {len(stages)} | {max(seconds):.1f} | {sum(seconds):.1f} | {peak} |", flush=True)


def measure(size):
    """One table of one size."""
    desk = WORK / str(size)
    shutil.rmtree(desk, ignore_errors=True)
    stage("split", desk, DATA / str(size), PART_BYTES)
    print(f"\n{size:,} orders\n\n| stage | times | longest s | together s | most MiB |\n| --- | --- | --- | --- | --- |")
    planned = stage("plan", desk, PART_BYTES)
    told("plan", [planned])
    files = sorted(path.name for path in (desk / "files").iterdir())
    cuts = [number for number, name in enumerate(files) if name.startswith(("orders", "transactions"))]
    told("cut", [stage("cut", desk, number) for number in cuts])
    told("judge", [stage("judge", desk)])
    told("write", [stage("write", desk, part) for part in range(planned["parts"])])
    told("join", [stage("join", desk)])
    if size > AT_ONCE_MAX:
        shutil.rmtree(desk)
        return
    told("all at once", [stage("one", desk)])
    for output in sorted((desk / "one").iterdir()):
        assert filecmp.cmp(output, desk / "out" / output.name, shallow=False), output.name
    print("\nevery output is the same, byte by byte")
    shutil.rmtree(desk)


for size in SIZES:
    measure(size)
