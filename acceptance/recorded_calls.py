"""Keeps which function or state machine made each call to the local AWS, one JSON document a line, for `calls.ts` to read.

The local AWS gives all functions the same credentials and decides no permission. So each environment gets a session token of its
own, the ARN of its function, which every SDK sends along; and what Step Functions itself does for a Map Run is signed with a token
of its state machine. Calls of the suite and of the CDK have no such token, and are not kept.
"""
import contextvars
import json
import os
import re
import threading
import urllib.parse

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import cloudformation, lambda_svc, stepfunctions as sfn

_machine = contextvars.ContextVar("machine", default=None)
KINDS = ("AWS::IAM::Role", "AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::SNS::Topic")
HEADERS = ("x-amz-target", "x-amz-copy-source", "x-amz-tagging")
_lock = threading.Lock()
_whom = {}


def facts_of(arn):
    """The role of a function or state machine, and the places of its stack, which each function has in its environment."""
    if arn in _whom:
        return _whom[arn]
    if ":function:" in arn:
        _, config, _ = lambda_svc._get_func_record_for_ref(arn)
        variables = config.get("Environment", {}).get("Variables", {})
        places = {name: variables.get(f"IMAGE_FANOUT_{name.upper()}") for name in ("source", "destination", "results")}
        facts = {"role": config["Role"], "places": {name: place for name, place in places.items() if place}}
    else:
        machine = sfn._state_machines[arn]
        first = next(state["Resource"] for state in json.loads(machine["definition"])["States"].values() if ":function:" in state.get("Resource", ""))
        facts = {"role": machine["roleArn"], "places": facts_of(first)["places"]}
    _whom[arn] = facts
    return facts


def logical_names():
    """The logical id of each resource of all stacks, by its physical one without what ARNs say besides."""
    return {
        re.split("[/:]", str(resource.get("PhysicalResourceId", "")))[-1]: name
        for stack in cloudformation._stacks.values()
        for name, resource in stack.get("_resources", {}).items()
        if resource.get("ResourceType", "") in KINDS
    }


def keep(arn, call):
    first = arn not in _whom
    lines = [{"names": logical_names()}] if first else []
    lines.append({**facts_of(arn), **call})
    with _lock, open(os.environ["LOCAL_AWS_CALLS"], "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


class Processes:
    """`subprocess` for the workers of functions: each is told which function it is by a session token."""

    def __init__(self, subprocess):
        self._subprocess = subprocess

    def __getattr__(self, name):
        return getattr(self._subprocess, name)

    def Popen(self, command, **options):
        env = options.get("env") or {}
        if "_LAMBDA_FUNCTION_ARN" in env:
            options["env"] = {**env, "AWS_SESSION_TOKEN": env["_LAMBDA_FUNCTION_ARN"]}
        return self._subprocess.Popen(command, **options)


def record(local_aws):
    """Begins to keep calls."""
    lambda_runtime.subprocess = Processes(lambda_runtime.subprocess)
    data_plane, dispatch, run_execution = app._handle_special_data_plane_request, app._dispatch_service_request, local_aws._run_execution
    call_lambda, client = sfn._call_lambda, local_aws.s3

    def seen(response, method, path, headers, body, query_params, *_):
        token = headers.get("x-amz-security-token", "")
        if response is not None and token.startswith("arn:"):
            has_text = "x-amz-target" in headers or "x-www-form-urlencoded" in headers.get("content-type", "")
            keep(token, {
                "service": (headers.get("authorization", "").split("/") + [""] * 4)[3],
                "method": method,
                "host": headers.get("host", ""),
                "path": urllib.parse.unquote(path),
                "query": {name: values[0] for name, values in query_params.items()},
                "headers": {name: headers[name] for name in HEADERS if name in headers},
                "body": body.decode() if has_text else "",
                "status": response[0],
            })
        return response

    async def on_data_plane(*request):
        return seen(await data_plane(*request), *request)

    async def on_dispatch(*request):
        return seen(await dispatch(*request), *request)

    def run(arn):
        # The machine of a redrive is a copy under another name.
        token = _machine.set(sfn._executions[arn]["stateMachineArn"].split("#")[0])
        try:
            return run_execution(arn)
        finally:
            _machine.reset(token)

    def invoke(func_ref, event):
        machine = _machine.get()
        if machine:
            keep(machine, {"service": "lambda", "method": "POST", "host": "", "path": f"/2015-03-31/functions/{func_ref}/invocations",
                           "query": {}, "headers": {}, "body": "", "status": 200})
        return call_lambda(func_ref, event)

    def s3():
        made, machine = client(), _machine.get()
        if machine:
            made.meta.events.register("before-send.s3", lambda request, **_: request.headers.__setitem__("x-amz-security-token", machine))
        return made

    app._handle_special_data_plane_request, app._dispatch_service_request = on_data_plane, on_dispatch
    local_aws._run_execution, sfn._call_lambda, local_aws.s3 = run, invoke, s3
