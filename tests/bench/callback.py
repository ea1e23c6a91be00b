"""The callback as a Python shop writes it: signature, JSON, checks; no envelope. Prints nanoseconds a call on one core.

python3 tests/bench/callback.py tests/bench/notice.json
"""

import hashlib
import hmac
import json
import sys
import time

KEY = b"for tests only - not a key"
ROUNDS = 5
ROUND_SECONDS = 0.4
CALLS_BETWEEN_LOOKS = 200


def read(body: bytes, signature: str) -> int:
    """Gives the amount in céntimos."""
    if not hmac.compare_digest(hmac.digest(KEY, body, "sha256").hex(), signature):
        raise ValueError("signature")
    notice = json.loads(body)
    data = notice["data"]
    assert notice["eventType"] == "cip.paid"
    assert data["cip"].isdigit()
    assert data["currency"] in ("PEN", "USD")
    assert len(data["paymentDate"]) == 25
    soles, centimos = data["amount"].split(".")
    return int(soles) * 100 + int(centimos)


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        body = file.read()
    signature = hmac.new(KEY, body, hashlib.sha256).hexdigest()
    medians = []
    for _ in range(ROUNDS):
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < ROUND_SECONDS:
            for _ in range(CALLS_BETWEEN_LOOKS):
                read(body, signature)
            calls += CALLS_BETWEEN_LOOKS
        medians.append((time.perf_counter() - start) * 1e9 / calls)
    medians.sort()
    print(f"{'python, no envelope':<28}{len(body):10} bytes {medians[ROUNDS // 2]:7.0f} ns")


main()
