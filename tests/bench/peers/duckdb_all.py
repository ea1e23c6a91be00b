"""DuckDB again, writing what Cuadre writes: every line that agrees under its identity, what lives on, and the inputs' hashes.

`matched.csv` is Cuadre's byte for byte. `open.ndjson` has its members for each open pair, without Cuadre's header, and
`summary.csv` and `discrepancies.csv` are those of `duckdb_sql.py`. Left out are evidence, suggestions and the rejected rows.
"""

import hashlib
import os
import sys
import threading

import duckdb

# The rules are the same; only what is kept of each row and what is written of it differs.
ORDER = ["reference_id", "cip", "merchant_id", "amount", "currency", "status", "created_at", "expires_at"]
TRANSACTION = ["operation_number", "reference_id", "cip", "merchant_id", "amount", "currency", "status", "paid_at", "fee"]

orders, transactions, folder = sys.argv[1:4]
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
os.makedirs(folder, exist_ok=True)


def source(path, columns):
    if path.endswith(".ndjson"):
        kinds = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
        return f"read_json('{path}', format = 'newline_delimited', columns = {{{kinds}}})"
    return f"read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"


def hash_inputs():
    with open(f"{folder}/inputs.csv", "w") as out:
        for path in (orders, transactions):
            with open(path, "rb") as file:
                out.write(f"{path},{hashlib.file_digest(file, 'sha256').hexdigest()}\n")


hashing = threading.Thread(target=hash_inputs)
hashing.start()
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET TimeZone = 'America/Lima';")
connection.execute(f"""
CREATE TEMP TABLE judged AS
WITH o AS (
    SELECT reference_id, cip AS order_cip, merchant_id AS order_account, amount AS order_amount, currency AS order_currency,
           status AS order_status, created_at, expires_at, CAST(CAST(amount AS DECIMAL(18, 2)) * 100 AS BIGINT) AS order_cents
    FROM {source(orders, ORDER)}
), t AS (
    SELECT CAST(operation_number AS BIGINT) AS operation_number, reference_id, cip AS tx_cip, merchant_id AS tx_account,
           amount AS tx_amount, currency AS tx_currency, status AS tx_status, paid_at, fee,
           CAST(CAST(amount AS DECIMAL(18, 2)) * 100 AS BIGINT) AS tx_cents
    FROM {source(transactions, TRANSACTION)}
), first AS (
    SELECT reference_id, min(operation_number) AS number FROM t GROUP BY 1
), ranked AS (
    SELECT t.*, t.operation_number > first.number AS further FROM t JOIN first USING (reference_id)
), pair AS (
    SELECT * FROM o FULL OUTER JOIN ranked USING (reference_id)
)
SELECT CASE WHEN further THEN 'DUPLICATE'
            WHEN order_cents IS NULL THEN 'MISSING_ORDER'
            WHEN tx_cents IS NULL AND order_status = 'PAID' THEN 'MISSING_TRANSACTION'
            WHEN tx_cents IS NULL THEN 'UNPAID'
            WHEN order_currency <> tx_currency THEN 'CURRENCY_MISMATCH'
            WHEN abs(order_cents - tx_cents) > 5 THEN 'AMOUNT_MISMATCH'
            WHEN order_status <> tx_status THEN 'STATUS_MISMATCH'
            WHEN CAST(paid_at AS TIMESTAMPTZ) > CAST(expires_at AS TIMESTAMPTZ) THEN 'LATE'
            WHEN order_cents <> tx_cents THEN 'MATCHED_TOLERANCE'
            ELSE 'MATCHED' END AS class, *
FROM pair;
COPY (
    SELECT class, count(*) AS count,
           CAST(sum(CASE WHEN class IN ('DUPLICATE', 'MISSING_ORDER') THEN tx_cents ELSE order_cents END) AS BIGINT) AS cents
    FROM judged GROUP BY 1 ORDER BY 1
) TO '{folder}/summary.csv' (HEADER);
COPY (
    SELECT class, reference_id, operation_number, order_amount, tx_amount, order_currency, tx_currency, order_status, tx_status,
           expires_at, paid_at
    FROM judged WHERE class NOT IN ('MATCHED', 'MATCHED_TOLERANCE', 'UNPAID')
    ORDER BY reference_id, operation_number NULLS FIRST
) TO '{folder}/discrepancies.csv' (HEADER);
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
