"""polars: one lazy query, collected by the streaming engine. Its number of threads is POLARS_MAX_THREADS."""

import os
import sys

if len(sys.argv) > 4:
    os.environ["POLARS_MAX_THREADS"] = sys.argv[4]

import polars as pl  # noqa: E402

TOLERANCE = 5
AGREED = ["MATCHED", "MATCHED_TOLERANCE", "UNPAID"]
ORDER = ["reference_id", "cip", "merchant_id", "amount", "currency", "status", "created_at", "expires_at"]
TRANSACTION = ["operation_number", "reference_id", "cip", "merchant_id", "amount", "currency", "status", "paid_at", "fee"]
OUTPUT = ["class", "reference_id", "operation_number", "order_amount", "tx_amount", "order_currency", "tx_currency",
          "order_status", "tx_status", "expires_at", "paid_at"]  # fmt: skip


def scan(path, columns):
    if path.endswith(".ndjson"):
        return pl.scan_ndjson(path, schema={column: pl.String for column in columns})
    return pl.scan_csv(path, infer_schema=False)


def cents(column):
    return (pl.col(column).cast(pl.Float64) * 100).round().cast(pl.Int64)


def instant(column):
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%S%z", time_unit="ms")


orders_path, transactions_path, folder = sys.argv[1:4]
orders = scan(orders_path, ORDER).select(
    "reference_id",
    "expires_at",
    pl.col("amount").alias("order_amount"),
    pl.col("currency").alias("order_currency"),
    pl.col("status").alias("order_status"),
    cents("amount").alias("order_cents"),
    instant("expires_at").alias("expires"),
)
transactions = (
    scan(transactions_path, TRANSACTION)
    .select(
        pl.col("operation_number").cast(pl.Int64),
        "reference_id",
        "paid_at",
        pl.col("amount").alias("tx_amount"),
        pl.col("currency").alias("tx_currency"),
        pl.col("status").alias("tx_status"),
        cents("amount").alias("tx_cents"),
        instant("paid_at").alias("paid"),
    )
    .sort("operation_number")
    .with_columns(further=~pl.col("reference_id").is_first_distinct())
)
apart = (pl.col("order_cents") - pl.col("tx_cents")).abs()
judged = orders.join(transactions, on="reference_id", how="full", coalesce=True).with_columns(
    pl.when(pl.col("further"))
    .then(pl.lit("DUPLICATE"))
    .when(pl.col("order_cents").is_null())
    .then(pl.lit("MISSING_ORDER"))
    .when(pl.col("tx_cents").is_null() & (pl.col("order_status") == "PAID"))
    .then(pl.lit("MISSING_TRANSACTION"))
    .when(pl.col("tx_cents").is_null())
    .then(pl.lit("UNPAID"))
    .when(pl.col("order_currency") != pl.col("tx_currency"))
    .then(pl.lit("CURRENCY_MISMATCH"))
    .when(apart > TOLERANCE)
    .then(pl.lit("AMOUNT_MISMATCH"))
    .when(pl.col("order_status") != pl.col("tx_status"))
    .then(pl.lit("STATUS_MISMATCH"))
    .when(pl.col("paid") > pl.col("expires"))
    .then(pl.lit("LATE"))
    .when(apart > 0)
    .then(pl.lit("MATCHED_TOLERANCE"))
    .otherwise(pl.lit("MATCHED"))
    .alias("class")
)
of_the_transaction = pl.col("class").is_in(["DUPLICATE", "MISSING_ORDER"])
value = pl.when(of_the_transaction).then(pl.col("tx_cents")).otherwise(pl.col("order_cents"))
summary = judged.group_by("class").agg(pl.len().alias("count"), value.sum().alias("cents")).sort("class")
discrepancies = judged.filter(~pl.col("class").is_in(AGREED)).select(OUTPUT).sort("reference_id", "operation_number")
summary, discrepancies = pl.collect_all([summary, discrepancies], engine="streaming")
os.makedirs(folder, exist_ok=True)
summary.write_csv(f"{folder}/summary.csv")
discrepancies.write_csv(f"{folder}/discrepancies.csv")
