"""Starts the local AWS with what `cdk destroy` needs besides: stacks are deleted by their ARN too, as CloudFormation does. Where
LOCAL_AWS_CALLS names a file, each call that a function or a state machine makes is kept there."""
import importlib.util
import os
import sys

from ministack import app
from ministack.services import stepfunctions
from ministack.services.cloudformation import handlers

from recorded_calls import record

delete_by_name = handlers._ACTION_HANDLERS["DeleteStack"]


def delete_stack(params):
    value = params.get("StackName")
    name = value[0] if isinstance(value, list) else value
    if name.startswith("arn:"):
        name = name.split("/")[1]
    return delete_by_name({**params, "StackName": [name] if isinstance(value, list) else name})


handlers._ACTION_HANDLERS["DeleteStack"] = delete_stack

# StopExecution's error and cause stand in what DescribeExecution and the status event tell, as the service has it.
add_event = stepfunctions._add_event


def add_event_with_reason(execution, kind, details, *more, **named):
    if kind == "ExecutionAborted":
        reason = details.get("executionAbortedEventDetails", {})
        execution.update({name: reason[name] for name in ("error", "cause") if reason.get(name)})
    return add_event(execution, kind, details, *more, **named)


stepfunctions._add_event = add_event_with_reason
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
spec = importlib.util.spec_from_file_location("local_aws_emulator", sys.argv[0])
local_aws = importlib.util.module_from_spec(spec)
spec.loader.exec_module(local_aws)
if os.environ.get("LOCAL_AWS_CALLS"):
    record(local_aws)
app.main()
