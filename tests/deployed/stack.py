"""The template, packaged and deployed as a user would, with parameters alone."""

import io
import re
import zipfile
from pathlib import Path

import botocore.exceptions

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "infra" / "aws" / "template.yaml"
FUNCTIONS = ("callback", "publish", "forward", "import", "report-pull", "reconcile")
ARTIFACTS = "cuadre-artifacts"


def zipped(bootstrap):
    """A deployment package: one executable file named `bootstrap`."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100755 << 16
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(entry, Path(bootstrap).read_bytes(), compresslevel=9)
    return package.getvalue()


def packaged_template(locations):
    """The template's text with each `CodeUri` pointing at its package, and no other change.

    This is what `sam package` and `aws cloudformation package` do.
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    for function, location in locations.items():
        text, count = re.subn(rf"(?m)^(\s+CodeUri: )\.\./\.\./functions/{function}$", rf"\g<1>{location}", text)
        assert count == 1, f"the template has {count} CodeUri of {function}, not one"
    return text


class Stack:
    """One deployed stack."""

    def __init__(self, emulator, name, parameters, packages):
        self._cloudformation = emulator.client("cloudformation")
        self.name = name
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket=ARTIFACTS)
        locations = {}
        for function, package in packages.items():
            s3.put_object(Bucket=ARTIFACTS, Key=f"{function}.zip", Body=package)
            locations[function] = f"s3://{ARTIFACTS}/{function}.zip"
        # As `sam deploy` does: a template of this size may not stand in the request itself.
        template = packaged_template(locations).encode()
        s3.put_object(Bucket=ARTIFACTS, Key="template.yaml", Body=template)
        # A template with a transform can only be deployed through a change set.
        self._cloudformation.create_change_set(
            StackName=name,
            ChangeSetName="first",
            ChangeSetType="CREATE",
            TemplateURL=f"{emulator.endpoint}/{ARTIFACTS}/template.yaml",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self._cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName="first", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        self._cloudformation.execute_change_set(StackName=name, ChangeSetName="first")
        try:
            self._cloudformation.get_waiter("stack_create_complete").wait(
                StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        except botocore.exceptions.WaiterError as error:
            reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in self.failures()]
            raise AssertionError(f"the stack was not made: {reasons}") from error
        described = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def failures(self):
        """The events of resources that could not be made or deleted."""
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [event for event in events if event["ResourceStatus"].endswith("FAILED")]

    def delete(self):
        """Deletes the stack and waits until it is gone."""
        self._cloudformation.delete_stack(StackName=self.name)
        self._cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
