"""DuckDB: one statement for the join, two for the outputs."""

import os
import sys

import duckdb

from duckdb_judged import judge

orders, transactions, folder = sys.argv[1:4]
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
os.makedirs(folder, exist_ok=True)
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false;")
judge(connection, orders, transactions, folder)
