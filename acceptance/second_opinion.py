"""Other people's view of a synthesized template: its definition through moto's parser of Amazon States Language.

Usage: second_opinion.py cdk.out/ImageFanout.template.json
"""
import json
import sys

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser


def rendered(value):
    """Intrinsic functions as text: only the shape matters to a parser."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return separator.join(rendered(part) for part in parts)
    if "Ref" in value:
        return {"AWS::Partition": "aws"}.get(value["Ref"], "x")
    return "arn:aws:lambda:us-east-1:123456789012:function:x"


# What Step Functions has and moto's grammar does not: such fields are left out, such values replaced by ones that it knows.
UNKNOWN_FIELDS = {"ItemBatcher", "WriterConfig"}
UNKNOWN_VALUES = {"EXPRESS": "STANDARD", "JSONL": "JSON"}


def known(value):
    if isinstance(value, dict):
        if "ManifestType" in value:
            return {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
        return {key: known(inner) for key, inner in value.items() if key not in UNKNOWN_FIELDS}
    if isinstance(value, list):
        return [known(inner) for inner in value]
    return UNKNOWN_VALUES.get(value, value) if isinstance(value, str) else value


with open(sys.argv[1], encoding="utf-8") as file:
    resources = json.load(file)["Resources"].values()
definitions = [rendered(r["Properties"]["DefinitionString"]) for r in resources if r["Type"] == "AWS::StepFunctions::StateMachine"]
assert len(definitions) > 0, "expected a state machine, found none"
for definition in map(json.loads, definitions):
    program, _ = AmazonStateLanguageParser.parse(json.dumps(known(definition)))
    names = set(definition["States"])
    parsed = set(program.states.states)
    assert parsed == names, f"expected the states {names}, moto parsed {parsed}"
    print(f"moto parsed all {len(parsed)} states")
