"""Cuadre beside programs that do the same work, in turns on the same data: wall time, peak memory, and that all agree.

Every round runs each program once, so that a noisy machine is noisy for all of them; the table shows medians and the ratio
to Cuadre. A program whose counts, cents or breaks differ ends the measurement with exit code 1. See tests/bench/reconcile.
"""

import argparse
import csv
import filecmp
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = REPOSITORY / "tests/bench/peers"

# The published projection: what the other programs call a class of Cuadre. All else that Cuadre writes is left out.
CLASSES = {
    "duplicate_payment": "DUPLICATE",
    "missing_order": "MISSING_ORDER",
    "missing_at_provider": "MISSING_TRANSACTION",
    "unpaid": "UNPAID",
    "currency_mismatch": "CURRENCY_MISMATCH",
    "amount_mismatch": "AMOUNT_MISMATCH",
    "status_mismatch": "STATUS_MISMATCH",
    "late_payment": "LATE",
    "matched_within_tolerance": "MATCHED_TOLERANCE",
    "matched": "MATCHED",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the release binary of cuadre")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data of each size")
    parser.add_argument("--generator", type=Path, required=True, help="the release binary of the example comparison")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="*", default=["duckdb_sql", "duckdb_all", "polars_lazy", "pandas_frames", "plain_python"])
    parser.add_argument("--format", choices=["csv", "ndjson"], default="csv")
    parser.add_argument("--three-way", action="store_true", help="Cuadre alone, with settlements and the bank's statement")
    return parser.parse_args()


def data_of(size, given):
    folder = given.data / str(size)
    if not (folder / "expected.csv").exists():
        subprocess.run([given.generator, str(size), folder], check=True)
    return folder


def cuadre(given, data, out):
    command = [given.binary, "reconcile", "--json", "--threads", str(given.threads), "--out", out]
    command += ["--orders", data / f"orders.{given.format}", "--reports", data / f"transactions.{given.format}"]
    command += ["--mapping", REPOSITORY / "docs/mappings/peers.toml", "--policy", REPOSITORY / "docs/policies/peers.toml"]
    if given.three_way:
        command += ["--settlements", data / "settlements.csv", "--bank", data / "bank.csv"]
    return command


def peer(name, given, data, out):
    files = [data / f"orders.{given.format}", data / f"transactions.{given.format}"]
    return [sys.executable, PEERS / f"{name}.py", *files, out, str(given.threads)]


def measured(command, out):
    """Seconds and MiB of one run into an empty folder; exit code 1 of Cuadre says that there are breaks."""
    shutil.rmtree(out, ignore_errors=True)
    os.sync()  # what the program before wrote is not to be waited for in this one
    begun = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def rows(path):
    with open(path, newline="") as file:
        yield from csv.DictReader(file)


def of_cuadre(out):
    """Counts and cents by class, and every break, as the other programs would write them."""
    classes = json.loads((out / "summary.json").read_text())["classes"]
    totals = {CLASSES[word]: (held["count"], held["minor"]) for word, held in classes.items() if held["count"] and word in CLASSES}
    breaks = sorted(
        (CLASSES[row["class"]], row["reference_id"], row["operation_number"], row["report_amount"])
        for row in rows(out / "breaks.csv")
        if row["class"] in CLASSES
    )
    return totals, breaks


def of_peer(out):
    totals = {row["class"]: (int(row["count"]), int(row["cents"])) for row in rows(out / "summary.csv")}
    breaks = sorted(
        (row["class"], row["reference_id"], row["operation_number"], row["tx_amount"]) for row in rows(out / "discrepancies.csv")
    )
    return totals, breaks


def open_lines(out):
    """The identities of the lines that live on."""
    found = re.compile(rb'"break_id":"([0-9a-f]{32})"')
    with open(out / "open.ndjson", "rb") as file:
        return {match[1] for match in map(found.search, file) if match}


def writes_the_same(own, other):
    """Whether a program that writes everything wrote the same lines that agree, and no others that live on."""
    same_bytes = filecmp.cmp(own / "matched.csv", other / "matched.csv", shallow=False)
    return same_bytes and open_lines(other) <= open_lines(own)


def agrees(data, outs):
    """Whether all programs found what was planted, and the same breaks."""
    planted = {row["class"]: (int(row["count"]), int(row["cents"])) for row in rows(data / "expected.csv")}
    totals, breaks = of_cuadre(outs["cuadre"])
    differing = [] if totals == planted else ["cuadre"]
    for name, out in outs.items():
        if name == "cuadre":
            continue
        writes_all = (out / "matched.csv").exists()
        if of_peer(out) != (planted, breaks) or writes_all and not writes_the_same(outs["cuadre"], out):
            differing.append(name)
    for name in differing:
        print(f"{name} does not agree with what was planted", file=sys.stderr)
    return not differing


def main():
    given = arguments()
    if given.three_way:
        given.peers = []
    good, before = True, None
    print(f"{'orders':>10}  {'program':<14} {'seconds':>9} {'x':>6} {'MiB':>8} {'x':>6}")
    for size in given.sizes:
        data = data_of(size, given)
        outs = {name: given.data / f"out-{size}" / name for name in ["cuadre", *given.peers]}
        commands = {name: peer(name, given, data, outs[name]) for name in given.peers}
        commands["cuadre"] = cuadre(given, data, outs["cuadre"])
        runs = {name: [] for name in outs}
        for turn in range(given.rounds + 1):
            for name in outs:
                run = measured(commands[name], outs[name])
                if turn:  # the first one warms the disk's cache
                    runs[name].append(run)
        medians = {name: [statistics.median(column) for column in zip(*turns)] for name, turns in runs.items()}
        own = medians["cuadre"]
        for name, (seconds, mebibytes) in medians.items():
            ratios = f"{seconds / own[0]:6.2f} {mebibytes:8.0f} {mebibytes / own[1]:6.2f}"
            print(f"{size:>10}  {name:<14} {seconds:9.3f} {ratios}", flush=True)
        if before:
            print(f"{'':>10}  growth from {before[0]}: {own[0] / before[1]:.1f} x the time, {own[1] / before[2]:.1f} x the memory")
        before = (size, *own)
        good &= agrees(data, outs)
    sys.exit(0 if good else 1)


main()
