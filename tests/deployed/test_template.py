"""What the emulator takes without a word and does not apply is proved on the template's text."""

import pytest
from cfnlint.decode import decode

from stack import FUNCTIONS, TEMPLATE

LOGICAL = {"callback": "Callback", "report-pull": "ReportPull", "reconcile": "Reconcile"}

# What each function may do, and no more. Whoever adds an action adds it here, in view of a reviewer; that nothing is missing
# shows in test_deployed, which runs the functions under these very rights.
ACTIONS = {
    "callback": {
        "dynamodb:PutItem",
        "secretsmanager:GetSecretValue",
    },
    "report-pull": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Scan",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
    },
    "reconcile": {
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:SendMessage",
    },
}
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


@pytest.mark.parametrize("policy", ["BucketTlsOnly", "AlertsPolicy", "FailuresTlsOnly"])
def test_nothing_is_sent_without_tls(template, policy):
    denied = [
        statement
        for statement in template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert len(denied) == 1


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
        "report-pull": {
            "${Bucket.Arn}/raw/*",
            "${Bucket.Arn}/normalized/reports/*",
            "${Bucket.Arn}/normalized/looks/*",
        },
        "reconcile": {"${Bucket.Arn}/runs/*"},
    }


def test_writes_of_the_functions_stay_in_their_part_of_the_table(template):
    """So a flaw in the function that the internet reaches can touch neither breaks nor runs. The emulator checks this condition
    not at all, AWS does."""
    parts = {}
    for function, logical in LOGICAL.items():
        role = of_type(template, "AWS::IAM::Role")[f"{logical}Role"]
        for statement in statements(role):
            if "dynamodb:PutItem" in listed(statement["Action"]):
                parts[function] = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert parts == {
        "callback": ["CIP#*", "QUARANTINE#*"],
        "report-pull": ["WATERMARK#*"],
        "reconcile": ["BREAK#*", "RUN#*"],
    }


def test_reconcile_reads_by_key_only_what_it_needs(template):
    """A scan cannot be held to a part of the table; everything else is."""
    for statement in statements(of_type(template, "AWS::IAM::Role")["ReconcileRole"]):
        actions = {action for action in listed(statement["Action"]) if action.startswith("dynamodb:")}
        if actions & {"dynamodb:Query", "dynamodb:GetItem"}:
            assert actions == {"dynamodb:Query", "dynamodb:GetItem"}
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert keys == ["BREAK#*", "RUN#*", "QUARANTINE#*"]


def test_the_pull_reads_orders_and_reports_alone(template):
    role = of_type(template, "AWS::IAM::Role")["ReportPullRole"]
    by_action = {action: statement for statement in statements(role) for action in listed(statement["Action"])}
    prefixes = by_action["s3:ListBucket"]["Condition"]["StringLike"]["s3:prefix"]
    assert prefixes == ["normalized/orders/*", "normalized/reports/*"]
    read = {resource["Fn::Sub"] for resource in listed(by_action["s3:GetObject"]["Resource"])}
    assert read == {f"${{Bucket.Arn}}/{prefix}" for prefix in prefixes}
    assert "Condition" in by_action["dynamodb:GetItem"]


def test_the_pull_is_told_how_long_and_how_many(template):
    variables = of_type(template, "AWS::Serverless::Function")["ReportPullFunction"]["Environment"]["Variables"]
    assert variables == {"RECHECK_DAYS": {"Ref": "RecheckDays"}, "SEARCH_BATCH_CIPS": {"Ref": "SearchBatchCips"}}
    assert (template["Parameters"]["RecheckDays"]["Default"], template["Parameters"]["SearchBatchCips"]["Default"]) == (3, 50)


def test_schedules_keep_lima_time_and_lose_no_tick(template):
    schedules = of_type(template, "AWS::Scheduler::Schedule")
    assert set(schedules) == {"ReportPullTick", "ReconcileTick"}
    for name, schedule in schedules.items():
        assert schedule["ScheduleExpressionTimezone"] == "America/Lima", name
        target = schedule["Target"]
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["Failures", "Arn"]}, name
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1, name
        assert target["Input"] == '{"scheduled_at": "<aws.scheduler.scheduled-time>"}', name


@pytest.mark.parametrize("function", ["report-pull", "reconcile"])
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
