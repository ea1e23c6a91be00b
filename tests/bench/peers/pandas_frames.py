"""pandas: vectorised columns."""

import os
import sys

import numpy as np
import pandas as pd

TOLERANCE = 5
AGREED = ["MATCHED", "MATCHED_TOLERANCE", "UNPAID"]
OUTPUT = ["class", "reference_id", "operation_number", "order_amount", "tx_amount", "order_currency", "tx_currency",
          "order_status", "tx_status", "expires_at", "paid_at"]  # fmt: skip


def read(path, columns):
    if path.endswith(".ndjson"):
        return pd.read_json(path, lines=True, dtype=False)[columns]
    return pd.read_csv(path, usecols=columns, dtype=str)


def cents(series):
    return (series.astype("float64") * 100).round().astype("int64")


def instants(series):
    return pd.to_datetime(series, utc=True, format="%Y-%m-%dT%H:%M:%S%z")


orders_path, transactions_path, folder = sys.argv[1:4]
orders = read(orders_path, ["reference_id", "amount", "currency", "status", "expires_at"]).rename(
    columns={"amount": "order_amount", "currency": "order_currency", "status": "order_status"}
)
transactions = read(
    transactions_path, ["operation_number", "reference_id", "amount", "currency", "status", "paid_at"]
).rename(columns={"amount": "tx_amount", "currency": "tx_currency", "status": "tx_status"})
orders["order_cents"] = cents(orders["order_amount"])
transactions["tx_cents"] = cents(transactions["tx_amount"])
transactions["operation_number"] = transactions["operation_number"].astype("int64")
transactions = transactions.sort_values("operation_number", kind="stable")
transactions["further"] = transactions.duplicated("reference_id", keep="first")

judged = orders.merge(transactions, on="reference_id", how="outer", indicator=True)
alone, orphan = judged["_merge"] == "left_only", judged["_merge"] == "right_only"
further = judged["further"].fillna(False).astype(bool)
apart = (judged["order_cents"] - judged["tx_cents"]).abs()
both = judged["_merge"] == "both"
late = pd.Series(False, index=judged.index)
late.loc[both] = instants(judged.loc[both, "paid_at"]) > instants(judged.loc[both, "expires_at"])
judged["class"] = np.select(
    [
        further,
        orphan,
        alone & (judged["order_status"] == "PAID"),
        alone,
        judged["order_currency"] != judged["tx_currency"],
        apart > TOLERANCE,
        judged["order_status"] != judged["tx_status"],
        late,
        apart > 0,
    ],
    [
        "DUPLICATE",
        "MISSING_ORDER",
        "MISSING_TRANSACTION",
        "UNPAID",
        "CURRENCY_MISMATCH",
        "AMOUNT_MISMATCH",
        "STATUS_MISMATCH",
        "LATE",
        "MATCHED_TOLERANCE",
    ],
    "MATCHED",
)
judged["cents"] = np.where(further | orphan, judged["tx_cents"], judged["order_cents"]).astype("int64")
os.makedirs(folder, exist_ok=True)
summary = judged.groupby("class")["cents"].agg(["size", "sum"]).sort_index().reset_index()
summary.columns = ["class", "count", "cents"]
summary.to_csv(f"{folder}/summary.csv", index=False)
discrepancies = judged.loc[~judged["class"].isin(AGREED), OUTPUT].copy()
discrepancies["operation_number"] = discrepancies["operation_number"].astype("Int64")
discrepancies.sort_values(["reference_id", "operation_number"]).to_csv(f"{folder}/discrepancies.csv", index=False)
