"""Plain Python: csv or json, and dictionaries."""

import csv
import json
import os
import sys
from datetime import datetime

TOLERANCE = 5
OUTPUT = ["class", "reference_id", "operation_number", "order_amount", "tx_amount", "order_currency", "tx_currency",
          "order_status", "tx_status", "expires_at", "paid_at"]  # fmt: skip


def cents(text):
    whole, hundredths = text.split(".")
    return int(whole) * 100 + int(hundredths)


def rows(path, columns):
    with open(path, newline="") as file:
        if path.endswith(".ndjson"):
            for line in file:
                record = json.loads(line)
                yield [record[column] for column in columns]
        else:
            reader = csv.reader(file)
            header = next(reader)
            places = [header.index(column) for column in columns]
            for record in reader:
                yield [record[place] for place in places]


def judge(order, transaction):
    apart = abs(cents(order[0]) - cents(transaction[1]))
    if order[1] != transaction[2]:
        return "CURRENCY_MISMATCH"
    if apart > TOLERANCE:
        return "AMOUNT_MISMATCH"
    if order[2] != transaction[3]:
        return "STATUS_MISMATCH"
    if datetime.fromisoformat(transaction[4]) > datetime.fromisoformat(order[3]):
        return "LATE"
    return "MATCHED_TOLERANCE" if apart else "MATCHED"


def line(of_class, reference, order, transaction):
    order, transaction = order or ("",) * 4, transaction or ("",) * 5
    sides = [transaction[0], order[0], transaction[1], order[1], transaction[2], order[2], transaction[3]]
    return [of_class, reference, *sides, order[3], transaction[4]]


orders_path, transactions_path, folder = sys.argv[1:4]
orders = {r[0]: r[1:] for r in rows(orders_path, ["reference_id", "amount", "currency", "status", "expires_at"])}
by_reference = {}
for reference, *rest in rows(transactions_path, ["reference_id", "operation_number", "amount", "currency", "status", "paid_at"]):
    by_reference.setdefault(reference, []).append(rest)

sums, lines = {}, []


def enter(of_class, value, *of_the_line):
    count, total = sums.get(of_class, (0, 0))
    sums[of_class] = (count + 1, total + value)
    if of_class not in ("MATCHED", "MATCHED_TOLERANCE", "UNPAID"):
        lines.append(line(of_class, *of_the_line))


for reference, found in by_reference.items():
    order = orders.get(reference)
    first, *further = sorted(found, key=lambda transaction: int(transaction[0]))
    if order is None:
        enter("MISSING_ORDER", cents(first[1]), reference, None, first)
    else:
        enter(judge(order, first), cents(order[0]), reference, order, first)
    for transaction in further:
        enter("DUPLICATE", cents(transaction[1]), reference, order, transaction)
for reference, order in orders.items():
    if reference not in by_reference:
        enter("MISSING_TRANSACTION" if order[2] == "PAID" else "UNPAID", cents(order[0]), reference, order, None)

lines.sort(key=lambda cells: (cells[1], int(cells[2] or 0)))
os.makedirs(folder, exist_ok=True)
with open(f"{folder}/discrepancies.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([OUTPUT, *lines])
with open(f"{folder}/summary.csv", "w") as file:
    file.write("class,count,cents\n")
    file.writelines(f"{of_class},{count},{total}\n" for of_class, (count, total) in sorted(sums.items()))
