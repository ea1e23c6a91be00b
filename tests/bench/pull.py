"""What pulling a day of a paged report costs: wall time, memory of the function, and how both grow.

The release binary runs as it is deployed, against a runtime, an S3, a Secrets Manager and a DynamoDB on this machine, each a
process of its own, so that the memory is the function's alone. See tests/bench/pull for how it is called.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/deployed"))
from emulator import Emulator, stop  # noqa: E402

BOOTSTRAP, DYNAMODB, REPORT = (Path(path) for path in sys.argv[1:4])
SIZES = [int(size) for size in sys.argv[4:]] or [10_000, 100_000, 1_000_000]
PAGE_ROWS = 1000

POLICY = """
[accounts.tienda.sources.portal_api]
kind = "transaction_report"
url = "{url}/pages?from={{from}}&to={{to}}&page={{page}}&size={{size}}"
authorization = "bearer"
mapping = "portal"
paging = {{ by = "page", size = {size}, number = "meta.page", pages = "meta.pages", total = "meta.total" }}
"""
MAPPING = """
[reports]
records = "rows"
date_format = "%Y-%m-%dT%H:%M:%S%:z"
[reports.columns]
cip = "cip"
reference_id = "orden"
operation_number = "operacion"
amount = "monto"
currency = "moneda"
status = "estado"
paid_at = "fecha"
[reports.status]
Cancelado = "paid"
"""
TASK = {"account": "tienda", "source": "portal_api", "scheduled_at": "2026-03-02T05:20:00Z"}


class Runtime(http.server.ThreadingHTTPServer):
    """The runtime API of Lambda, as far as one function needs it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Call)
        self.events, self.answers, self.turn = [], [], threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def invoke(self, event):
        with self.turn:
            self.answers.clear()
            self.events.append(event)
            self.turn.notify_all()
            self.turn.wait_for(lambda: self.answers)
            path, body = self.answers[0]
        assert path.endswith("/response"), body
        return json.loads(body)


class Call(http.server.BaseHTTPRequestHandler):
    """One call of the function to its runtime: for the next event, or with its answer to the last."""

    def do_GET(self):
        with self.server.turn:
            self.server.turn.wait_for(lambda: self.server.events)
            body = json.dumps(self.server.events.pop()).encode()
        self.send_response(200)
        self.send_header("lambda-runtime-aws-request-id", str(time.monotonic_ns()))
        self.send_header("lambda-runtime-deadline-ms", str(int((time.time() + 900) * 1000)))
        self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:pull")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.server.turn:
            self.server.answers.append((self.path, body.decode()))
            self.server.turn.notify_all()
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def furnish(aws, dynamodb, url):
    """What the stack makes, as far as the pull needs it."""
    text = {"AttributeType": "S"}
    names = ("pk", "sk", "due_in", "due_at")
    key = lambda one, two: [{"AttributeName": one, "KeyType": "HASH"}, {"AttributeName": two, "KeyType": "RANGE"}]  # noqa: E731
    boto3.client(
        "dynamodb",
        endpoint_url=dynamodb,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_table(
        TableName="cuadre",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, **text} for name in names],
        KeySchema=key("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": "due", "KeySchema": key("due_in", "due_at"), "Projection": {"ProjectionType": "ALL"}}
        ],
    )
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="cuadre-data")
    s3.put_object(Bucket="cuadre-data", Key="config/cuadre.toml", Body=POLICY.format(url=url, size=PAGE_ROWS).encode())
    s3.put_object(Bucket="cuadre-data", Key="config/mappings/portal.toml", Body=MAPPING.encode())
    keys = {"id_service": 1234, "access_key": "a", "secret_key": "b" * 40, "sources": {"portal_api": "bench"}}
    aws.client("secretsmanager").create_secret(Name="cuadre/accounts/tienda", SecretString=json.dumps(keys))


def peak_mib(process):
    for line in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no peak")


def measure(rows):
    runtime = Runtime()
    aws, started = Emulator(os.devnull), []

    def start(*command, **options):
        started.append(subprocess.Popen(command, **options))
        return started[-1]

    try:
        dynamodb = start(DYNAMODB, stdout=subprocess.PIPE, text=True).stdout.readline().strip()
        url = start(REPORT, str(rows), stdout=subprocess.PIPE, text=True).stdout.readline().strip()
        furnish(aws, dynamodb, url)
        function = start(
            BOOTSTRAP,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": "pull",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_LAMBDA_LOG_STREAM_NAME": "s",
                "AWS_LAMBDA_LOG_GROUP_NAME": "g",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
                "TABLE_NAME": "cuadre",
                "BUCKET_NAME": "cuadre-data",
                "SECRET_PREFIX": "cuadre",
                "PULLS_URL": f"{aws.endpoint}/000000000000/pulls.fifo",
                "RUNS_URL": f"{aws.endpoint}/000000000000/runs.fifo",
                "RUN_SLOT_MINUTES": "0",
                "ACCOUNTS": "tienda",
                "REQUESTS_PER_MINUTE": "100000",
                "LOG_LEVEL": "warn",
            },
            stdout=subprocess.DEVNULL,
        )
        began, invocations = time.monotonic(), 0
        while True:
            answer = runtime.invoke(TASK)
            invocations += 1
            if answer["outcome"] != "paused":
                break
        seconds = time.monotonic() - began
        assert answer["counts"]["new"] == rows, answer
        return seconds, invocations, peak_mib(function)
    finally:
        for process in reversed(started):
            stop(process)
        aws.stop()
        runtime.shutdown()


def main():
    print("| rows | seconds | µs a row | invocations of 240 s | peak MiB of the function |")
    print("| --- | --- | --- | --- | --- |")
    for rows in SIZES:
        seconds, invocations, peak = measure(rows)
        print(f"| {rows:,} | {seconds:.1f} | {seconds / rows * 1e6:.0f} | {invocations} | {peak:.0f} |", flush=True)


main()
