"""The template, deployed as it is with the release binaries, plays one day; each test looks at one side of what it left."""

import csv
import io
import json
import time

import pytest

from conftest import ACCOUNT, KEYS, PACKAGE_BYTES_MAX
from emulator import wait_until
from stack import FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_package_is_small_enough_to_start_fast(packages, function):
    size = len(packages[function])
    assert size <= PACKAGE_BYTES_MAX, f"{function} is {size:,} bytes zipped"


def test_tls_only_policies_were_deployed(day):
    for what, policy in day.tls_only.items():
        denied = [statement for statement in json.loads(policy)["Statement"] if statement["Effect"] == "Deny"]
        assert [statement["Condition"] for statement in denied] == [{"Bool": {"aws:SecureTransport": "false"}}], what


@pytest.mark.parametrize(
    "case", ["another key", "a changed amount", "a changed signature", "no signature", "an unknown account"]
)
def test_callback_that_is_not_signed_for_this_account_is_401_without_detail(day, case):
    status, answer = day.refused[case]
    assert status == 401
    for told in (b"signature", b"hmac", b"account", b"secret"):
        assert told not in answer.lower()


def test_refused_callbacks_leave_nothing(day):
    assert day.left_by_refused == []


def test_wrong_method_is_answered_by_the_function(day):
    assert day.wrong_method[0] == 405


def test_the_same_notice_ten_times_in_parallel_is_one_fact(day):
    assert [status for status, _ in day.accepted] == [200] * 10
    facts = [item for item in day.items("CIP#") if item["sk"]["S"].startswith("NOTICE#")]
    assert [item["pk"]["S"] for item in facts] == [f"CIP#{ACCOUNT}#{day.cips['T-0001']}"]


def test_a_notice_is_kept_as_it_was_received(day):
    (fact,) = [item for item in day.items("CIP#") if item["kind"]["S"] == "notice"]
    assert fact["body"]["B"] == day.genuine["body"].encode()
    assert fact["signature"]["S"] == day.genuine["signature"]


def test_orders_of_the_inbox_become_facts_and_rows(day):
    orders = [item for item in day.items("CIP#") if item["kind"]["S"] == "order"]
    assert {item["cip"]["S"] for item in orders} == {str(cip) for cip in day.cips.values()}
    rows = [
        json.loads(line)
        for key in day.keys(f"normalized/orders/account={ACCOUNT}/")
        for line in day.read(key).splitlines()
    ]
    assert {row["reference_id"] for row in rows} == set(day.cips)


def test_the_shop_gets_the_notice_as_it_arrived_though_it_was_out_of_order_at_first(day):
    wait_until("the notice reaches the shop", lambda: len(day.shop.got) >= 2, seconds=60, every=0.5)
    for headers, body in day.shop.got:
        named = {name.lower(): value for name, value in headers.items()}
        assert body == day.genuine["body"].encode()
        assert named["pe-signature"] == day.genuine["signature"]
    ids = {headers.get("cuadre-event-id") or headers.get("Cuadre-Event-Id") for headers, _ in day.shop.got}
    assert len(ids) == 1


def test_programs_are_told_what_may_ship(day):
    def told():
        newest = {}
        for state in day.states():
            content = state["content"]
            if state["version"] >= newest.get(content["cip"], {"version": 0})["version"]:
                newest[content["cip"]] = state
        told = {cip: (state["content"]["may_ship"], state["content"]["holds"]) for cip, state in newest.items()}
        return told if len(told) == 3 else None

    cips = {reference: str(cip) for reference, cip in day.cips.items()}
    assert wait_until("three codes are told", told, seconds=30) == {
        cips["T-0001"]: (True, []),
        cips["T-0002"]: (False, ["amount_differs"]),
        cips["T-0003"]: (False, ["unpaid"]),
    }


def test_money_that_does_not_fit_is_told_at_once(day):
    urgent = [alert for alert in day.alerts() if "event_id" in alert["MessageAttributes"]]
    about = [alert for alert in urgent if f"CIP {day.cips['T-0002']}" in alert["Subject"]]
    assert [alert["MessageAttributes"]["kind"]["Value"] for alert in about] == ["payment"]
    assert "amount_differs" in about[0]["Message"]


def test_notices_are_archived(day):
    rows = [json.loads(line) for key in day.keys("normalized/notices/") for line in day.read(key).splitlines()]
    assert [row["cip"] for row in rows] == [str(day.cips["T-0001"])]
    assert day.keys(f"raw/callback/account={ACCOUNT}/")


def test_the_pull_keeps_what_the_provider_said_and_whom_it_asked(day):
    reports = [
        json.loads(line)
        for key in day.keys(f"normalized/reports/account={ACCOUNT}/")
        for line in day.read(key).splitlines()
    ]
    newest = {row["cip"]: row["status"] for row in sorted(reports, key=lambda row: row["observed_at"])}
    assert newest == {
        str(day.cips["T-0001"]): "paid",
        str(day.cips["T-0002"]): "paid",
        str(day.cips["T-0003"]): "pending",
    }
    looks = [
        json.loads(line)
        for key in day.keys(f"normalized/looks/account={ACCOUNT}/")
        for line in day.read(key).splitlines()
    ]
    assert {look["cip"] for look in looks} == set(newest)
    assert day.keys("raw/")


def test_the_watermark_moved(day):
    assert [item["pk"]["S"] for item in day.items("WATERMARK#")] == [f"WATERMARK#{ACCOUNT}"]


def test_the_break_is_kept_with_its_story(day):
    (line,) = day.items("BREAK#")
    assert line["pk"]["S"] == f"BREAK#{ACCOUNT}"
    values = {name: value.get("S", value.get("N")) for name, value in line.items()}
    assert (values["class"], values["state"]) == ("amount_mismatch", "open")


def test_the_report_of_the_run_lies_in_the_bucket(day):
    newest = [key for key in day.keys(f"runs/{ACCOUNT}/") if key.endswith("/breaks.csv")][-1]
    (line,) = csv.DictReader(io.StringIO(day.read(newest).decode()))
    assert (line["class"], line["reference_id"], line["cip"]) == ("amount_mismatch", "T-0002", str(day.cips["T-0002"]))
    assert (line["order_amount"], line["report_amount"], line["difference"]) == ("95.00", "80.00", "-15.00")
    # A run judges what has arrived since the one before and what lives on; what agrees is told by the run that closed it.
    classes = {}
    for key in day.keys(f"runs/{ACCOUNT}/"):
        if key.endswith("/summary.json"):
            for name, counted in json.loads(day.read(key))["classes"].items():
                if counted["count"]:
                    classes[name] = max(counted["count"], classes.get(name, 0))
    assert {"matched": 1, "amount_mismatch": 1, "unpaid": 1}.items() <= classes.items()
    assert {item["pk"]["S"] for item in day.items("RUN#")} == {f"RUN#{ACCOUNT}"}


def test_one_alert_tells_a_person_and_a_machine(day):
    attributes = {name: attribute["Value"] for name, attribute in day.alert["MessageAttributes"].items()}
    assert attributes["account"] == ACCOUNT
    assert attributes["breaks"] == "1"
    assert "amount_mismatch" in attributes.values() or '["amount_mismatch"]' in attributes.values()
    assert day.bucket in day.alert["Message"]
    assert len(day.alert["Subject"]) <= 100


def alerts_of_runs(day):
    """The alerts of runs, without the messages that did not wait for one."""
    return [alert for alert in day.alerts() if "breaks" in alert["MessageAttributes"]]


def runs_of(day):
    """The runs, without the item that names the newest of them."""
    return [item for item in day.items("RUN#") if item["sk"]["S"] != "newest"]


def test_a_repeated_tick_is_the_same_run_and_alerts_nobody(day):
    told = len(alerts_of_runs(day))
    runs = runs_of(day)
    # A run after arrivals that found nothing new is told of to nobody.
    loud = [run for run in runs if run["state"]["S"] == "done"]
    assert told == len(loud)
    as_of = max(run["sk"]["S"] for run in loud)
    again = day.invoke("Reconcile", {"account": ACCOUNT, "cut": as_of})
    assert (again["as_of"], again["breaks"], again["alerted"]) == (as_of, 1, False)
    assert len(alerts_of_runs(day)) == told
    assert len(runs_of(day)) == len(runs)


def test_a_run_in_stages_says_what_one_invocation_says(day):
    def both():
        """The two runs, each of a moment of its own; nothing where the tick of a minute has overtaken either."""
        whole = day.invoke("Reconcile", {"account": ACCOUNT, "full": True})
        time.sleep(1)
        execution = day.run_in_stages({"account": ACCOUNT, "part_bytes": 300})
        assert execution["status"] == "SUCCEEDED", execution
        staged = json.loads(execution["output"])
        return None if whole["overtaken"] or staged["overtaken"] else (whole, staged)

    whole, staged = next(runs for runs in (both() for _ in range(4)) if runs)
    assert staged["as_of"] > whole["as_of"]
    assert (staged["breaks"], staged["rejected"]) == (whole["breaks"], whole["rejected"]) == (1, 0)

    def folder(run):
        return run["report"].removeprefix(f"s3://{day.bucket}/")

    def told(run, name):
        # What a run closed bears its moment.
        return day.read(folder(run) + name).decode().replace(run["as_of"], "as_of")

    for name in ("matched.csv", "breaks.csv", "rejected.csv", "closed.ndjson"):
        assert told(staged, name) == told(whole, name), name
    work = folder(staged).replace("runs/", "work/", 1)
    assert len({key.split("/")[4] for key in day.keys(f"{work}parts/")}) > 1
    assert day.stack.outputs["WholeRunArn"].endswith(":cuadre-whole-run")


def test_no_secret_and_no_body_is_logged_or_kept(day):
    told = {
        "the secret key": KEYS["secret_key"],
        "the access key": KEYS["access_key"],
        "the signature": day.genuine["signature"],
    }
    written = {f"the log of {function}": "\n".join(day.log_lines(function)) for function in FUNCTIONS}
    assert all(written.values())
    written["the alert"] = day.alert["Message"]
    for where, text in written.items():
        for what, secret in told.items():
            assert secret not in text, f"{what} stands in {where}"
        assert "transactionCode" not in text, f"a notice's body stands in {where}"


@pytest.mark.parametrize(
    "queue", ["FailuresQueueUrl", "ForwardsDeadQueueUrl", "InboxDeadQueueUrl", "PullsDeadQueueUrl", "RunsDeadQueueUrl"]
)
def test_nothing_failed_every_time(day, queue):
    attributes = day.sqs.get_queue_attributes(
        QueueUrl=day.stack.outputs[queue], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_the_books_outlive_the_stack(day):
    """Runs last: it deletes the stack."""
    day.stack.delete()
    assert day.stack.failures() == []
    assert day.stack.outputs["TableName"] in day.dynamodb.list_tables()["TableNames"]
    assert day.keys(f"runs/{ACCOUNT}/")
    assert day.logs.describe_log_groups(logGroupNamePrefix=f"/cuadre/{day.stack.name}/")["logGroups"] == []
