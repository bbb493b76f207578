"""Starts the local AWS with what `cdk destroy` needs besides: stacks are deleted by their ARN too, as CloudFormation does."""
import os
import runpy
import sys

from ministack.services.cloudformation import handlers

delete_by_name = handlers._ACTION_HANDLERS["DeleteStack"]


def delete_stack(params):
    value = params.get("StackName")
    name = value[0] if isinstance(value, list) else value
    if name.startswith("arn:"):
        name = name.split("/")[1]
    return delete_by_name({**params, "StackName": [name] if isinstance(value, list) else name})


handlers._ACTION_HANDLERS["DeleteStack"] = delete_stack
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
