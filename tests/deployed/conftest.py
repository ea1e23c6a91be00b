"""One deployment for all checks: the day is played once, each test looks at one side of what it left."""

import concurrent.futures
import csv
import datetime
import http.server
import io
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from emulator import Emulator, wait_until
from provider import LIMA, Provider, call, lima
from stack import FUNCTIONS, Stack, zipped

ACCOUNT = "tienda"
PACKAGE_BYTES_MAX = 6_000_000
# Made up; only the simulator started here knows them.
KEYS = {"id_service": 4321, "access_key": "DEPLOYEDACCESSKEY", "secret_key": "deployed/secret+key, never a real one"}
# A tick a minute, seen by the emulator up to ten seconds late: the pull of the first or second tick, the run of the next.
RUN_SECONDS_MAX = 210


@pytest.fixture(scope="session")
def packages():
    """The release binaries that tests/run built, zipped as they are uploaded."""
    folder = Path(os.environ["CUADRE_LAMBDA_DIR"])
    return {function: zipped(folder / function / "bootstrap") for function in FUNCTIONS}


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    """Where the processes write; pytest keeps the folder of a run that failed."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def emulator(logs):
    running = Emulator(logs / "ministack.log")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def provider(logs):
    running = Provider(os.environ["CUADRE_BINARY"], KEYS, logs / "sandbox.log")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def stack(emulator, provider, packages):
    deployed = Stack(
        emulator,
        "cuadre",
        {
            "Architecture": os.environ["CUADRE_ARCHITECTURE"],
            "FirstAccount": ACCOUNT,
            "ProviderUrl": provider.url,
            "ReportPullSchedule": "rate(1 minute)",
            "ReconcileSchedule": "rate(1 minute)",
            # The emulator refuses to delete a protected table, as AWS does, and this one holds nothing to keep.
            "DeletionProtection": "false",
        },
        packages,
    )
    emulator.client("secretsmanager").put_secret_value(
        SecretId=deployed.outputs["SecretName"], SecretString=json.dumps(KEYS)
    )
    return deployed


class World:
    """The deployed system, seen from outside: what a provider, a shop and an analyst can reach."""

    def __init__(self, emulator, stack, provider):
        self.stack = stack
        self.provider = provider
        self.s3 = emulator.client("s3")
        self.sns = emulator.client("sns")
        self.sqs = emulator.client("sqs")
        self.functions = emulator.client("lambda")
        self.logs = emulator.client("logs")
        self.dynamodb = emulator.client("dynamodb")
        self.bucket = stack.outputs["BucketName"]
        # The public host name of an HTTP API does not resolve here; the emulator serves the same API under a path.
        api, path = re.fullmatch(r"https://([a-z0-9]+)\.execute-api\.[^/]+(/.+)", stack.outputs["CallbackUrl"]).groups()
        self.callback_url = f"{emulator.endpoint}/_aws/execute-api/{api}{path}"
        self.events = emulator.client("events")
        self.states_machine = emulator.client("stepfunctions")
        self._alerts = []
        self._states = []

    def allow_plain_http(self):
        """Takes the TLS-only policies away, after they were deployed: the emulator speaks no TLS. What lets a service in
        stays."""
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        for url in self.sqs.list_queues(QueueNamePrefix=self.stack.name).get("QueueUrls", []):
            attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
            statements = json.loads(attributes.get("Policy") or '{"Statement": []}')["Statement"]
            allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
            policy = json.dumps({"Version": "2012-10-17", "Statement": allowed}) if allowed else ""
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self.sns.set_topic_attributes(
            TopicArn=self.stack.outputs["TopicArn"], AttributeName="Policy", AttributeValue='{"Statement": []}'
        )

    def subscribe_queues(self):
        """A queue that gets every alert, as an analyst's chat robot would, and one with every change of a payment, as a shop's
        program would."""
        self._queue, arn = self._open_queue("alerts-seen", "sns.amazonaws.com")
        self.sns.subscribe(TopicArn=self.stack.outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
        self._state_queue, arn = self._open_queue("states-seen", "events.amazonaws.com")
        bus, rule = self.stack.outputs["EventBusName"], "states"
        pattern = {"source": ["cuadre"], "detail-type": ["payment.state_changed"]}
        self.events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "seen", "Arn": arn}])

    def _open_queue(self, name, service):
        """A queue that one service may send to: its address and its ARN."""
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allow]})})
        return url, arn

    def deliver(self, body, signature):
        """Posts one notice to the deployed callback; the status of the answer."""
        headers = {"Content-Type": "application/json", "PE-Signature": signature}
        return call("POST", self.callback_url, body, headers)

    def items(self, prefix=""):
        """The items of the table whose partition key begins so."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.stack.outputs["TableName"])
        return [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(prefix)]

    def keys(self, prefix):
        """The keys of the objects below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def read(self, key):
        """An object's bytes."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def alerts(self):
        """Every alert that came so far, oldest first."""
        return self._taken(self._queue, self._alerts)

    def states(self):
        """Every `payment.state_changed` that came so far, oldest first."""
        return [event["detail"] for event in self._taken(self._state_queue, self._states)]

    def _taken(self, url, seen):
        while True:
            received = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not received:
                return seen
            for message in received:
                seen.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def invoke(self, logical, event):
        """Starts one function by hand; what it answers."""
        name = self.stack.outputs[f"{logical}FunctionName"]
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return json.loads(payload)

    def run_in_stages(self, order):
        """Starts the state machine, as a person would, and waits for what it comes to."""
        started = self.states_machine.start_execution(
            stateMachineArn=self.stack.outputs["WholeRunArn"], input=json.dumps(order)
        )

        def ended():
            execution = self.states_machine.describe_execution(executionArn=started["executionArn"])
            return execution if execution["status"] != "RUNNING" else None

        return wait_until("a run in stages", ended, 120)

    def log_lines(self, function):
        """What one function has logged."""
        group = f"/cuadre/{self.stack.name}/{function}"
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]


def put_orders(world, orders):
    """The shop drops its orders into the inbox."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(orders[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(orders)
    key = f"inbox/orders/{ACCOUNT}/shop.csv"
    world.s3.put_object(Bucket=world.bucket, Key=key, Body=text.getvalue().encode())


class Shop:
    """The shop's address for notices: it keeps what is posted there."""

    def __init__(self):
        self.got = []
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((dict(self.headers.items()), body))
                # The first time of all it is out of order.
                self.send_response(500 if len(got) == 1 else 204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/notices"

    def stop(self):
        self._server.shutdown()


@pytest.fixture(scope="session")
def shop():
    running = Shop()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def day(emulator, stack, provider, shop):
    """A small day: one payment that agrees, one of too little money, one order that nobody pays."""
    started = time.monotonic()
    world = World(emulator, stack, provider)
    world.tls_only = {
        "bucket": world.s3.get_bucket_policy(Bucket=world.bucket)["Policy"],
        "topic": world.sns.get_topic_attributes(TopicArn=stack.outputs["TopicArn"])["Attributes"]["Policy"],
    }
    world.allow_plain_http()
    world.subscribe_queues()
    policy = f'[accounts.{ACCOUNT}]\nforward_url = "{shop.url}"\n'
    world.s3.put_object(Bucket=world.bucket, Key="config/cuadre.toml", Body=policy.encode())
    world.shop = shop

    now = datetime.datetime.now(LIMA).replace(microsecond=0)
    expires_at = now + datetime.timedelta(days=1)
    # (reference, the shop's amount, the CIP's amount, what the shop believes)
    wanted = [
        ("T-0001", "120.50", "120.50", "paid"),
        ("T-0002", "95.00", "80.00", "paid"),
        ("T-0003", "60.00", "60.00", "pending"),
    ]
    world.cips = {
        reference: provider.create_cip(reference, charged, expires_at)
        for reference, _, charged, _ in wanted
    }
    paid_at = {
        reference: provider.pay(world.cips[reference])["paid_at"] for reference, _, _, status in wanted if status == "paid"
    }
    orders = [
        {
            "account": ACCOUNT,
            "reference_id": reference,
            "cip": world.cips[reference],
            "amount": amount,
            "currency": "PEN",
            "status": status,
            "created_at": lima(now),
            "expires_at": lima(expires_at),
            "paid_at": paid_at.get(reference, ""),
        }
        for reference, amount, _, status in wanted
    ]
    put_orders(world, orders)

    # Forged and damaged ones first: the table is still empty, so that whatever they left would be seen.
    genuine = provider.notices()[world.cips["T-0001"]]
    forged = provider.forged_notice(world.cips["T-0001"])
    body, signature = genuine["body"].encode(), genuine["signature"]
    flipped = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    world.refused = {
        "another key": world.deliver(forged["body"].encode(), forged["signature"]),
        "a changed amount": world.deliver(body.replace(b"120.50", b"120.51"), signature),
        "a changed signature": world.deliver(body, flipped),
        "no signature": call("POST", world.callback_url, body, {"Content-Type": "application/json"}),
        "an unknown account": call(
            "POST",
            world.callback_url.replace(f"/{ACCOUNT}", "/nobody"),
            body,
            {"Content-Type": "application/json", "PE-Signature": signature},
        ),
    }
    world.left_by_refused = [item for item in world.items() if item["kind"]["S"] in ("notice", "quarantine")]
    world.wrong_method = call("GET", world.callback_url)
    world.genuine = genuine
    with concurrent.futures.ThreadPoolExecutor(max_workers=10) as senders:
        world.accepted = list(senders.map(lambda _: world.deliver(body, signature), range(10)))

    # From here on nobody does anything: the schedules fire, the functions work.
    def found():
        return [alert for alert in world.alerts() if "amount_mismatch" in alert["Message"]]

    try:
        world.alert = wait_until("an alert about the amount", found, seconds=RUN_SECONDS_MAX, every=1)[0]
    except AssertionError:
        for function in FUNCTIONS:
            print(f"--- log of {function}", *world.log_lines(function)[-40:], sep="\n")
        print("--- table", *world.items(), "--- objects", *world.keys(""), sep="\n")
        raise
    print(f"the day took {time.monotonic() - started:.0f} s")
    return world
