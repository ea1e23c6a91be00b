"""What the emulator takes without a word and does not apply is proved on the template's text."""

import json

import pytest
from cfnlint.decode import decode

from stack import FUNCTIONS, REPOSITORY, TEMPLATE

LOGICAL = {
    "callback": "Callback",
    "publish": "Publish",
    "forward": "Forward",
    "import": "Import",
    "report-pull": "ReportPull",
    "reconcile": "Reconcile",
}

# What each function may do, and no more. Whoever adds an action adds it here, in view of a reviewer; that nothing is missing
# shows in test_deployed, which runs the functions under these very rights.
ACTIONS = {
    "callback": {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "secretsmanager:GetSecretValue",
    },
    "publish": {
        "dynamodb:DeleteItem",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "events:PutEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:SendMessage",
    },
    "forward": {
        "dynamodb:GetItem",
        "s3:GetObject",
        "s3:ListBucket",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    },
    "import": {
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    "report-pull": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "secretsmanager:GetSecretValue",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    "reconcile": {
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
}
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.fixture(scope="module")
def template():
    """The template as cfn-lint reads it: intrinsic functions in their long form."""
    parsed, problems = decode(str(TEMPLATE))
    assert not problems
    return parsed


def of_type(template, kind):
    """The properties of each resource of one type, by logical name."""
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def listed(value):
    """A policy may write one value or a list of them."""
    return list(value) if isinstance(value, list) else [value]


def statements(role):
    """All statements of a role's own policies."""
    return [
        statement for policy in role["Policies"] for statement in listed(policy["PolicyDocument"]["Statement"])
    ]


def test_the_books_survive_the_stack(template):
    for name in ("Table", "Bucket", "BucketTlsOnly", "FirstAccountSecret"):
        resource = template["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name


def test_the_table_can_be_brought_back_to_any_second(template):
    table = template["Resources"]["Table"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert template["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]


def test_the_bucket_is_versioned_and_closed_to_the_public(template):
    bucket = template["Resources"]["Bucket"]["Properties"]
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4


@pytest.mark.parametrize("policy", ["BucketTlsOnly", "AlertsPolicy", "FailuresTlsOnly", "InboxPolicy", "QueuesTlsOnly"])
def test_nothing_is_sent_without_tls(template, policy):
    denied = [
        statement
        for statement in template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
    ]
    assert len(denied) == 1
    # S3, which tells the inbox of files, is a service of AWS and uses TLS; nobody else is exempt.
    exempt = {"aws:PrincipalIsAWSService": "false"} if policy == "InboxPolicy" else {}
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false", **exempt}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_a_role_of_its_own_with_exact_rights(template, function):
    functions = of_type(template, "AWS::Serverless::Function")
    roles = [properties["Role"]["Fn::GetAtt"][0] for properties in functions.values()]
    name = f"{LOGICAL[function]}Role"
    assert roles.count(name) == 1
    role = of_type(template, "AWS::IAM::Role")[name]
    assert "ManagedPolicyArns" not in role
    allowed = {action for statement in statements(role) for action in listed(statement["Action"])}
    assert allowed == ACTIONS[function] | LOG_ACTIONS


def test_no_role_reaches_beyond_the_stack(template):
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in statements(role):
            assert statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                assert "*" not in action, f"{name} may do {action}"
            for resource in listed(statement["Resource"]):
                assert resource != "*" and list(resource) in (["Fn::GetAtt"], ["Fn::Sub"], ["Ref"]), f"{name}: {resource}"


def test_writes_of_the_functions_stay_in_their_folders(template):
    written = {}
    for function, logical in LOGICAL.items():
        role = of_type(template, "AWS::IAM::Role")[f"{logical}Role"]
        for statement in statements(role):
            if "s3:PutObject" in listed(statement["Action"]):
                written[function] = {resource["Fn::Sub"] for resource in listed(statement["Resource"])}
    assert written == {
        "publish": {"${Bucket.Arn}/raw/callback/*", "${Bucket.Arn}/normalized/notices/*"},
        "import": {
            "${Bucket.Arn}/normalized/orders/*",
            "${Bucket.Arn}/normalized/reports/*",
            "${Bucket.Arn}/normalized/settlements/*",
            "${Bucket.Arn}/normalized/bank/*",
            "${Bucket.Arn}/rejected/*",
        },
        "report-pull": {
            "${Bucket.Arn}/raw/*",
            "${Bucket.Arn}/pulls/*",
            "${Bucket.Arn}/normalized/reports/*",
            "${Bucket.Arn}/normalized/settlements/*",
            "${Bucket.Arn}/normalized/looks/*",
            "${Bucket.Arn}/rejected/*",
        },
        "reconcile": {"${Bucket.Arn}/runs/*", "${Bucket.Arn}/work/*"},
    }


def test_writes_of_the_functions_stay_in_their_part_of_the_table(template):
    """So a flaw in the function that the internet reaches can touch neither breaks nor runs. The emulator checks this condition
    not at all, AWS does."""
    parts = {}
    for function, logical in LOGICAL.items():
        role = of_type(template, "AWS::IAM::Role")[f"{logical}Role"]
        for statement in statements(role):
            for action in WRITES & set(listed(statement["Action"])):
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                parts.setdefault((function, action.removeprefix("dynamodb:")), []).extend(keys)
    assert parts == {
        ("callback", "PutItem"): ["CIP#*", "QUARANTINE#*"],
        ("callback", "UpdateItem"): ["REFUSED#*"],
        ("publish", "PutItem"): ["CIP#*", "OPERATION#*"],
        ("publish", "UpdateItem"): ["CIP#*"],
        ("publish", "DeleteItem"): ["CIP#*"],
        ("import", "PutItem"): ["CIP#*", "ORDER#*", "FILE#*"],
        ("import", "UpdateItem"): ["CIP#*"],
        ("report-pull", "PutItem"): ["WATERMARK#*", "PULL#*", "LOCK#*", "CIP#*"],
        ("report-pull", "UpdateItem"): ["CIP#*"],
        ("report-pull", "DeleteItem"): ["LOCK#*"],
        ("reconcile", "PutItem"): ["BREAK#*", "RUN#*"],
    }


@pytest.mark.parametrize("function", ["publish", "forward", "import"])
def test_reads_by_key_stay_in_their_part_of_the_table(template, function):
    keys = {"publish": ["CIP#*"], "forward": ["CIP#*"], "import": ["ORDER#*", "FILE#*"]}
    for statement in statements(of_type(template, "AWS::IAM::Role")[f"{LOGICAL[function]}Role"]):
        if {"dynamodb:Query", "dynamodb:GetItem"} & set(listed(statement["Action"])):
            assert statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == keys[function]


def test_the_stream_loses_no_change_and_waits_for_none_without_end(template):
    table = template["Resources"]["Table"]["Properties"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    function = of_type(template, "AWS::Serverless::Function")["PublishFunction"]
    mapping = function["Events"]["Changes"]["Properties"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert list(mapping["FunctionResponseTypes"]) == ["ReportBatchItemFailures"]
    assert mapping["ParallelizationFactor"] == 1
    assert 0 < mapping["MaximumRecordAgeInSeconds"] <= 24 * 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Failures", "Arn"]}
    patterns = [json.loads(rule["Pattern"]) for rule in mapping["FilterCriteria"]["Filters"]]
    heard = patterns[0]["dynamodb"]["NewImage"]["kind"]["S"]
    assert heard == ["notice", "quarantine", "order", "report", "doubt"]
    assert patterns[1] == {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"kind": {"S": ["quarantine", "doubt"]}}}}


def test_the_kinds_that_publish_hears_are_those_that_the_table_writes(template):
    """A kind that is named otherwise in the filter would never be told."""
    mapping = of_type(template, "AWS::Serverless::Function")["PublishFunction"]["Events"]["Changes"]["Properties"]
    heard = json.loads(mapping["FilterCriteria"]["Filters"][0]["Pattern"])["dynamodb"]["NewImage"]["kind"]["S"]
    sources = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "shared/src/aws/table").glob("*.rs")]
    for kind in heard:
        assert any(f'KIND: &str = "{kind}"' in source for source in sources), kind


@pytest.mark.parametrize(
    ("queue", "dead", "alarm", "function"),
    [
        ("Forwards", "ForwardsDead", "ForwardsDeadAlarm", "Forward"),
        ("Inbox", "InboxDead", "InboxDeadAlarm", "Import"),
        ("Pulls", "PullsDead", "PullsDeadAlarm", "ReportPull"),
        ("Runs", "RunsDead", "RunsDeadAlarm", "Reconcile"),
    ],
)
def test_a_message_that_fails_every_time_ends_in_a_queue_with_an_alarm(template, queue, dead, alarm, function):
    queues = of_type(template, "AWS::SQS::Queue")
    redrive = queues[queue]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [dead, "Arn"]}
    assert queues[dead].get("FifoQueue") == queues[queue].get("FifoQueue")
    assert queues[dead]["MessageRetentionPeriod"] == 1209600
    timeout = of_type(template, "AWS::Serverless::Function")[f"{function}Function"]["Timeout"]
    assert queues[queue]["VisibilityTimeout"] >= 6 * timeout
    alarmed = template["Resources"][alarm]["Properties"]
    assert alarmed["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [dead, "QueueName"]}}]


def test_a_notice_is_tried_for_most_of_a_day_and_kept_for_longer(template):
    queue = of_type(template, "AWS::SQS::Queue")["Forwards"]
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    # The waits of forward, none of them shortened.
    seconds = sum(min(10 * 2**failed, 900) for failed in range(tries))
    assert (tries, seconds) == (100, 84_970)
    # Twice: what waits behind a failed notice of its code grows old meanwhile, and has as many tries of its own.
    assert queue["MessageRetentionPeriod"] > 2 * seconds


def test_the_emulated_queues_give_up_where_those_of_the_template_do(template):
    queues = of_type(template, "AWS::SQS::Queue")
    emulated = (REPOSITORY / "tests/emulators/src/queues.rs").read_text(encoding="utf-8")
    for queue, words in (
        ("Forwards", "FORWARDS_URL, FORWARDS_DEAD_URL"),
        ("Inbox", "INBOX_URL, INBOX_DEAD_URL"),
        ("Pulls", "PULLS_URL, PULLS_DEAD_URL"),
        ("Runs", "RUNS_URL, RUNS_DEAD_URL"),
    ):
        tries = queues[queue]["RedrivePolicy"]["maxReceiveCount"]
        assert f"({words}, {tries})" in emulated, queue


@pytest.mark.parametrize(("function", "event"), [("Import", "Inbox"), ("ReportPull", "Pulls"), ("Reconcile", "Runs")])
def test_a_file_a_source_and_a_run_have_an_invocation_of_their_own(template, function, event):
    mapping = of_type(template, "AWS::Serverless::Function")[f"{function}Function"]["Events"][event]["Properties"]
    assert mapping["BatchSize"] == 1


def test_a_source_has_one_pull_at_a_time_and_is_tried_for_eleven_hours(template):
    queue = of_type(template, "AWS::SQS::Queue")["Pulls"]
    assert (queue["FifoQueue"], queue["DeduplicationScope"]) == (True, "messageGroup")
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    # The waits of report-pull, none of them shortened.
    assert (tries, sum(min(30 * 2**failed, 900) for failed in range(tries))) == (50, 41_430)


def test_a_run_is_tried_for_two_hours(template):
    queue = of_type(template, "AWS::SQS::Queue")["Runs"]
    assert (queue["FifoQueue"], queue["DeduplicationScope"]) == (True, "messageGroup")
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    # The waits of reconcile, none of them shortened.
    assert (tries, sum(min(60 * 2**failed, 900) for failed in range(tries))) == (12, 8_100)


def test_slots_of_runs_are_parts_of_a_day_and_known_to_whoever_orders_runs(template):
    slot = template["Parameters"]["RunSlotMinutes"]
    assert slot["Default"] == 30 and slot["Default"] in slot["AllowedValues"]
    assert all(1440 % minutes == 0 and minutes <= 720 for minutes in slot["AllowedValues"] if minutes)
    for function in ("Import", "ReportPull", "Reconcile"):
        variables = of_type(template, "AWS::Serverless::Function")[f"{function}Function"]["Environment"]["Variables"]
        assert (variables["RUNS_URL"], variables["RUN_SLOT_MINUTES"]) == ({"Ref": "Runs"}, {"Ref": "RunSlotMinutes"})


def test_codes_that_are_due_stand_in_an_index_and_no_other_item_does(template):
    table = template["Resources"]["Table"]["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_in", "due_at"]
    sources = {path.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / "shared/src/aws/table").glob("*.rs")}
    assert [name for name, source in sources.items() if "due_in" in source] == ["checks.rs"]


def test_the_notices_of_a_code_keep_their_order(template):
    forwards = of_type(template, "AWS::SQS::Queue")["Forwards"]
    assert (forwards["FifoQueue"], forwards["DeduplicationScope"]) == (True, "messageGroup")
    mapping = of_type(template, "AWS::Serverless::Function")["ForwardFunction"]["Events"]["Forwards"]["Properties"]
    assert mapping["BatchSize"] == 1


@pytest.mark.parametrize(
    ("alarm", "function", "outcome"),
    [
        ("CallbackUnavailableAlarm", "callback", "unavailable"),
        ("ImportRejectedAlarm", "import", "rejected"),
        ("PullFailedAlarm", "report-pull", "failed"),
        ("ReportRestatedAlarm", "report-pull", "restated"),
        ("ReportShrunkAlarm", "report-pull", "shrunk"),
        ("ContractChangedAlarm", "report-pull", "contract_changed"),
        ("RunFailedAlarm", "reconcile", "failed"),
    ],
)
def test_an_alarm_counts_a_word_that_its_function_writes(template, alarm, function, outcome):
    """One that waits for another word would never go off."""
    alarmed = template["Resources"][alarm]["Properties"]
    (counted,) = template["Resources"][f"{LOGICAL[function]}Outcomes"]["Properties"]["MetricTransformations"]
    assert (alarmed["Namespace"], alarmed["MetricName"]) == (counted["MetricNamespace"], counted["MetricName"])
    assert [dimension["Key"] for dimension in counted["Dimensions"]] == ["outcome"]
    assert alarmed["Dimensions"] == [{"Name": "outcome", "Value": outcome}]
    sources = (REPOSITORY / f"functions/{function}/src").rglob("*.rs")
    assert any(f'outcome = "{outcome}"' in source.read_text(encoding="utf-8") for source in sources)


@pytest.mark.parametrize("alarm", ["CallbackUnavailableAlarm", "CallbackErrorsAlarm", "ImportRejectedAlarm"])
def test_one_failure_is_enough_and_silence_is_none(template, alarm):
    alarmed = template["Resources"][alarm]["Properties"]
    assert (alarmed["Statistic"], alarmed["Period"], alarmed["EvaluationPeriods"]) == ("Sum", 300, 1)
    assert (alarmed["Threshold"], alarmed["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarmed["TreatMissingData"] == "notBreaching"
    assert alarmed["AlarmActions"] == [{"Ref": "Alerts"}]


def test_a_callback_that_breaks_down_or_cannot_start_is_told(template):
    alarmed = template["Resources"]["CallbackErrorsAlarm"]["Properties"]
    assert (alarmed["Namespace"], alarmed["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarmed["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "CallbackFunction"}}]


def test_every_alarm_has_its_entry_in_the_runbook(template):
    runbook = (REPOSITORY / "docs/runbook.md").read_text(encoding="utf-8")
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        assert f"\n## {name}\n" in runbook, name
        assert f"docs/runbook.md, {name}" in " ".join(alarm["AlarmDescription"].split()), name


def test_every_step_of_a_run_in_stages_is_tried_again_and_its_role_reaches_itself_alone(template):
    machine = of_type(template, "AWS::StepFunctions::StateMachine")["WholeRun"]
    states = machine["Definition"]["States"]
    maps = {name: state for name, state in states.items() if state["Type"] == "Map"}
    assert set(maps) == {"Cut", "Write"}
    assert all(state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED" for state in maps.values())
    assert all(state["MaxConcurrency"] == 5 for state in maps.values())
    tasks = [state for state in states.values() if state["Type"] == "Task"]
    tasks += [task for state in maps.values() for task in state["ItemProcessor"]["States"].values()]
    assert all(task["Retry"][0]["MaxAttempts"] == 4 for task in tasks)
    role = statements(template["Resources"]["WholeRunRole"]["Properties"])
    allowed = {action: statement["Resource"] for statement in role for action in listed(statement["Action"])}
    assert set(allowed) == {
        "lambda:InvokeFunction",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
    }
    assert allowed["lambda:InvokeFunction"] == {"Fn::GetAtt": ["ReconcileFunction", "Arn"]}
    assert machine["StateMachineName"] == {"Fn::Sub": "${AWS::StackName}-whole-run"}
    assert all("${AWS::StackName}-whole-run" in allowed[action]["Fn::Sub"] for action in allowed if "states:" in action)


def test_what_stages_leave_each_other_ends(template):
    rules = {rule["Id"]: rule for rule in template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]}
    work = rules["work-of-runs-in-stages"]
    assert (work["Prefix"], work["ExpirationInDays"]) == ("work/", 7)


def test_files_of_the_inbox_are_told_and_end(template):
    bucket = template["Resources"]["Bucket"]
    assert bucket["DependsOn"] == "InboxPolicy"
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert told["Queue"] == {"Fn::GetAtt": ["Inbox", "Arn"]}
    assert list(told["Filter"]["S3Key"]["Rules"]) == [{"Name": "prefix", "Value": "inbox/"}]
    rules = {rule["Id"]: rule for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]}
    dropped = rules["files-that-were-dropped"]
    assert (dropped["Prefix"], dropped["ExpirationInDays"]) == ("inbox/", 30)


def test_callbacks_come_from_anywhere_until_somebody_says_otherwise(template):
    variables = of_type(template, "AWS::Serverless::Function")["CallbackFunction"]["Environment"]["Variables"]
    assert variables == {"ALLOWED_CIDRS": {"Ref": "AllowedCidrs"}}
    assert template["Parameters"]["AllowedCidrs"]["Default"] == ""


def test_reconcile_reads_by_key_only_what_it_needs(template):
    for statement in statements(of_type(template, "AWS::IAM::Role")["ReconcileRole"]):
        actions = {action for action in listed(statement["Action"]) if action.startswith("dynamodb:")}
        if actions & {"dynamodb:Query", "dynamodb:GetItem"}:
            assert actions == {"dynamodb:Query", "dynamodb:GetItem"}
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert keys == ["BREAK#*", "RUN#*", "QUARANTINE#*", "WATERMARK#*", "REFUSED#*"]


def test_the_pull_reads_what_it_needs_and_no_evidence(template):
    role = of_type(template, "AWS::IAM::Role")["ReportPullRole"]
    by_action = {action: statement for statement in statements(role) for action in listed(statement["Action"])}
    read = {resource["Fn::Sub"] for resource in listed(by_action["s3:GetObject"]["Resource"])}
    assert read == {"${Bucket.Arn}/config/*", "${Bucket.Arn}/pulls/*"}
    assert by_action["dynamodb:Query"]["Resource"] == {"Fn::Sub": "${Table.Arn}/index/due"}
    for action, keys in (("dynamodb:Query", ["CHECK#*"]), ("dynamodb:GetItem", ["WATERMARK#*", "PULL#*"])):
        assert by_action[action]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == keys


def test_the_pull_is_told_how_long_and_how_many(template):
    variables = of_type(template, "AWS::Serverless::Function")["ReportPullFunction"]["Environment"]["Variables"]
    assert variables == {
        "PULLS_URL": {"Ref": "Pulls"},
        "RUNS_URL": {"Ref": "Runs"},
        "RUN_SLOT_MINUTES": {"Ref": "RunSlotMinutes"},
        "PROBE_ACCOUNT": {"Ref": "ProbeAccount"},
        "RECHECK_DAYS": {"Ref": "RecheckDays"},
        "SEARCH_BATCH_CIPS": {"Ref": "SearchBatchCips"},
    }
    assert (template["Parameters"]["RecheckDays"]["Default"], template["Parameters"]["SearchBatchCips"]["Default"]) == (3, 50)


def test_schedules_keep_lima_time_and_lose_no_tick(template):
    schedules = of_type(template, "AWS::Scheduler::Schedule")
    assert set(schedules) == {"ReportPullTick", "ContractProbeTick", "ReconcileTick", "ExpectedFilesTick"}
    for name, schedule in schedules.items():
        assert schedule["ScheduleExpressionTimezone"] == "America/Lima", name
        target = schedule["Target"]
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["Failures", "Arn"]}, name
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1, name
        # A repetition is then the same work.
        assert json.loads(target["Input"])["scheduled_at"] == "<aws.scheduler.scheduled-time>", name


@pytest.mark.parametrize("function", ["report-pull", "reconcile", "import"])
def test_a_tick_that_fails_every_time_ends_in_the_queue_with_the_alarm(template, function):
    properties = of_type(template, "AWS::Serverless::Function")[f"{LOGICAL[function]}Function"]
    invoked = properties["EventInvokeConfig"]
    assert invoked["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": ["Failures", "Arn"]},
    }
    alarm = template["Resources"]["FailuresAlarm"]["Properties"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Failures", "QueueName"]}}]
    assert alarm["AlarmActions"] == [{"Ref": "Alerts"}]


def test_the_api_hands_every_method_over_and_is_throttled(template):
    route = template["Resources"]["CallbackRoute"]["Properties"]
    assert route["RouteKey"] == "ANY /callbacks/{account}"
    assert template["Resources"]["CallbackIntegration"]["Properties"]["PayloadFormatVersion"] == "2.0"
    limits = template["Resources"]["CallbackStage"]["Properties"]["DefaultRouteSettings"]
    assert limits == {
        "ThrottlingRateLimit": {"Ref": "CallbackRatePerSecond"},
        "ThrottlingBurstLimit": {"Ref": "CallbackBurst"},
    }


def test_the_access_log_names_no_header_and_no_body(template):
    line = template["Resources"]["CallbackStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "header" not in line.lower() and "body" not in line.lower()


def test_logs_end(template):
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1
    for name, group in groups.items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in groups, name


def test_defaults_are_those_of_production(template):
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    assert defaults["Architecture"] == "arm64"
    assert defaults["ProviderUrl"] == "https://services.pagoefectivo.pe"
    assert defaults["ScheduleState"] == "ENABLED"
    runtime = template["Globals"]["Function"]
    assert (runtime["Runtime"], runtime["Handler"]) == ("provided.al2023", "bootstrap")


def test_the_placeholder_of_the_secret_signs_nothing(template):
    secret = template["Resources"]["FirstAccountSecret"]["Properties"]
    assert secret["GenerateSecretString"]["GenerateStringKey"] == "secret_key"
    assert "secret_key" not in secret["GenerateSecretString"]["SecretStringTemplate"]
    assert '"access_key": "replace-me"' in secret["GenerateSecretString"]["SecretStringTemplate"]


def test_whatever_costs_is_tagged(template):
    untaggable = {
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
        "AWS::Serverless::Function",
    }
    for name, resource in template["Resources"].items():
        if resource["Type"] in untaggable:
            continue
        tags = resource["Properties"]["Tags"]
        pairs = dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        assert pairs == {"application": "cuadre"}, name
    assert template["Globals"]["Function"]["Tags"] == {"application": "cuadre"}
