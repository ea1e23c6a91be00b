"""What both programs with DuckDB do: one statement for the join, two for the outputs that every program writes."""

ORDER = ["reference_id", "cip", "merchant_id", "amount", "currency", "status", "created_at", "expires_at"]
TRANSACTION = ["operation_number", "reference_id", "cip", "merchant_id", "amount", "currency", "status", "paid_at", "fee"]


def source(path, columns):
    if path.endswith(".ndjson"):
        kinds = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
        return f"read_json('{path}', format = 'newline_delimited', columns = {{{kinds}}})"
    return f"read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"


def judge(connection, orders, transactions, folder, order_columns="", tx_columns=""):
    """Judges all pairs into the table `judged`; further columns of it are named as in SQL, each with its comma."""
    connection.execute(f"""
CREATE TEMP TABLE judged AS
WITH o AS (
    SELECT reference_id, amount AS order_amount, currency AS order_currency, status AS order_status, expires_at, {order_columns}
           CAST(CAST(amount AS DECIMAL(18, 2)) * 100 AS BIGINT) AS order_cents
    FROM {source(orders, ORDER)}
), t AS (
    SELECT CAST(operation_number AS BIGINT) AS operation_number, reference_id, amount AS tx_amount, currency AS tx_currency,
           status AS tx_status, paid_at, {tx_columns}
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
""")
