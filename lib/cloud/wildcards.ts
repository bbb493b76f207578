// Wildcards in policies: each that a rule of AWS forces is acknowledged with that rule, so that cdk-nag reports the others.
import { Aspects, Stack, Validations } from 'aws-cdk-lib';
import { CfnPolicy } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

export interface ForcedWildcard {
  /** The resource, flattened as cdk-nag does: `<LogicalId.Arn>/runs/*`. */
  readonly resource: RegExp;
  readonly actions: readonly string[];
  /** What forces it. */
  readonly rule: string;
}

/** Where a wildcard may stand, and the rule of AWS that forces it: the one list. */
export const FORCED_WILDCARDS = {
  objects: {
    resource: /^(<\w+\.Arn>|arn:[^:]+(::Partition>)?:s3:::[^/*]+)\/([^*]+\/)?\*$/,
    actions: [
      's3:GetObject',
      's3:GetObjectTagging',
      's3:PutObject',
      's3:PutObjectTagging',
      's3:ListMultipartUploadParts',
      's3:AbortMultipartUpload',
    ],
    rule: 'Objects have no ARN before they exist; a prefix is the narrowest resource of object actions.',
  },
  accountSettings: {
    resource: /^\*$/,
    actions: ['lambda:GetAccountSettings'],
    rule: 'This action knows no resources: Service Authorization Reference, AWS Lambda.',
  },
  network: {
    resource: /^\*$/,
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ],
    rule: 'Lambda joins a VPC with these actions on any network interface: Lambda Developer Guide, VPC access.',
  },
  tracing: {
    resource: /^\*$/,
    actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
    rule: 'These actions know no resources: Service Authorization Reference, AWS X-Ray.',
  },
  logDelivery: {
    resource: /^\*$/,
    actions: [
      'logs:CreateLogDelivery',
      'logs:GetLogDelivery',
      'logs:UpdateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:DescribeResourcePolicies',
      'logs:DescribeLogGroups',
    ],
    rule: 'Log deliveries know no resources: Step Functions Developer Guide, logging to CloudWatch Logs.',
  },
  children: {
    resource: /^arn:.+:states:.+:(execution|mapRun):<\w+\.Name>(\/[A-Za-z]+)?:\*$/,
    actions: [
      'states:DescribeExecution',
      'states:StopExecution',
      'states:RedriveExecution',
      'states:ListMapRuns',
      'states:DescribeMapRun',
      'states:UpdateMapRun',
    ],
    rule: 'Executions, children and Map Runs are named as they start: IAM policies for Distributed Map.',
  },
} satisfies Readonly<Record<string, ForcedWildcard>>;

/** Acknowledges what is forced in all policies of the scope, once they are whole. A wildcard without a rule is left to be reported. */
export function acknowledgeForcedWildcards(scope: IConstruct): void {
  Aspects.of(scope).add({
    visit(node) {
      if (node instanceof CfnPolicy) acknowledge(node);
    },
  });
}

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

function acknowledge(policy: CfnPolicy): void {
  const { Statement } = Stack.of(policy).resolve(policy.policyDocument) as { Statement: Statement[] };
  const rules = new Map<string, (string | undefined)[]>();
  for (const { Action, Resource } of Statement) {
    for (const resource of [Resource].flat().map(flattened)) {
      if (!resource.includes('*')) continue;
      const found = [Action].flat().map((action) => ruleFor(resource, action));
      rules.set(resource, [...(rules.get(resource) ?? []), ...found]);
    }
  }
  for (const [resource, found] of rules) {
    if (found.includes(undefined)) continue;
    const reason = [...new Set(found)].join(' ');
    Validations.of(policy).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
  }
}

function ruleFor(resource: string, action: string): string | undefined {
  const all: readonly ForcedWildcard[] = Object.values(FORCED_WILDCARDS);
  return all.find((forced) => forced.resource.test(resource) && forced.actions.includes(action))?.rule;
}

/** A resolved ARN as text, its references in angle brackets. */
function flattened(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, argument] = []] = Object.entries(value as object);
  if (name === 'Ref') return `<${String(argument)}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map(flattened).join(separator);
  }
  return JSON.stringify(value);
}
