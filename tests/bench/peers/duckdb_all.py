"""DuckDB again, writing what Cuadre writes: every line that agrees under its identity, what lives on, and the inputs' hashes.

`matched.csv` is Cuadre's byte for byte. `open.ndjson` has its members for each open pair, without Cuadre's header, and
`summary.csv` and `discrepancies.csv` are those of `duckdb_sql.py`. Left out are evidence, suggestions and the rejected rows.
"""

import hashlib
import os
import sys
import threading

import duckdb

from duckdb_judged import judge

orders, transactions, folder = sys.argv[1:4]
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
os.makedirs(folder, exist_ok=True)


def hash_inputs():
    with open(f"{folder}/inputs.csv", "w") as out:
        for path in (orders, transactions):
            with open(path, "rb") as file:
                out.write(f"{path},{hashlib.file_digest(file, 'sha256').hexdigest()}\n")


hashing = threading.Thread(target=hash_inputs)
hashing.start()
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET TimeZone = 'America/Lima';")
judge(
    connection,
    orders,
    transactions,
    folder,
    order_columns="cip AS order_cip, merchant_id AS order_account, created_at,",
    tx_columns="cip AS tx_cip, merchant_id AS tx_account, fee,",
)
connection.execute(f"""
CREATE MACRO part(word) AS chr(strlen(word)::INTEGER) || word;
CREATE MACRO order_id(account, reference, created) AS left(sha256(
    part(account) || part('order-report') || part('order') || part(reference)
    || part(CAST(epoch(CAST(created AS TIMESTAMPTZ)) AS BIGINT)::VARCHAR)), 32);
CREATE MACRO cip_id(account, cip) AS left(sha256(
    part(account) || part('order-report') || part('cip') || part(cip)), 32);
CREATE MACRO payment_id(account, cip, number) AS left(sha256(
    part(account) || part('payment') || part('cip') || part(cip) || part('operation ' || number)), 32);
COPY (
    SELECT order_id(order_account, reference_id, created_at) AS break_id,
           CASE class WHEN 'MATCHED' THEN 'matched' WHEN 'UNPAID' THEN 'unpaid' ELSE 'matched_within_tolerance' END AS class,
           NULL AS reason, 'info' AS severity, order_account AS account, NULL AS store, order_cip AS cip, reference_id,
           operation_number,
           order_currency AS currency, order_amount, tx_amount AS report_amount,
           ((tx_cents - order_cents) / 100)::DECIMAL(18, 2) AS difference, lower(order_status) AS order_status,
           lower(tx_status) AS report_status,
           CASE WHEN order_cents <> tx_cents THEN 'amount=' || order_amount || '|' || tx_amount END AS differences
    FROM judged WHERE class IN ('MATCHED', 'MATCHED_TOLERANCE', 'UNPAID')
    ORDER BY order_account, order_cip::BIGINT, reference_id, operation_number
) TO '{folder}/matched.csv' (HEADER);
COPY (
    SELECT lower(class) AS class,
           CASE WHEN further THEN payment_id(tx_account, tx_cip, operation_number)
                WHEN order_cents IS NULL THEN cip_id(tx_account, tx_cip)
                ELSE order_id(order_account, reference_id, created_at) END AS break_id,
           coalesce(order_account, tx_account) AS account, coalesce(order_cip, tx_cip) AS cip, reference_id, operation_number,
           order_currency AS currency, order_amount, tx_amount AS report_amount,
           ((tx_cents - order_cents) / 100)::DECIMAL(18, 2)::VARCHAR AS difference, lower(order_status) AS order_status,
           lower(tx_status) AS report_status,
           {{'orders': CASE WHEN order_cents IS NOT NULL THEN [{{
                'account': order_account, 'reference_id': reference_id, 'cip': order_cip, 'amount': order_amount,
                'currency': order_currency, 'status': lower(order_status), 'created_at': created_at, 'expires_at': expires_at}}]
              ELSE [] END,
             'reports': CASE WHEN tx_cents IS NOT NULL THEN [{{
                'account': tx_account, 'cip': tx_cip, 'reference_id': reference_id, 'operation_number': operation_number,
                'amount': tx_amount, 'currency': tx_currency, 'status': lower(tx_status), 'paid_at': paid_at, 'commission': fee}}]
              ELSE [] END}} AS facts
    FROM judged WHERE class NOT IN ('MATCHED', 'MATCHED_TOLERANCE')
    ORDER BY account, cip::BIGINT, reference_id, judged.operation_number
) TO '{folder}/open.ndjson' (FORMAT json);
""")
hashing.join()
