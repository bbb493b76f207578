// Where a wildcard may stand in a policy, and the rule of AWS that forces it: the one list.

/** Where a wildcard may stand, and what forces it. */
export const FORCED_WILDCARDS: readonly {
  readonly resource: RegExp;
  readonly actions: readonly string[];
  readonly rule: string;
}[] = [
  {
    resource:
      /^arn:aws:s3:::the-(source\/in|destination\/out|results\/acc\/(runs|manifests|manifests\/uploads|recipes|jobs))\/\*$/,
    actions: [
      's3:GetObject',
      's3:PutObject',
      's3:PutObjectTagging',
      's3:ListMultipartUploadParts',
      's3:AbortMultipartUpload',
    ],
    rule: 'Objects have no ARN before they exist; a prefix is the narrowest resource of object actions.',
  },
  {
    resource: /^\*$/,
    actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'],
    rule: 'These actions know no resources: Service Authorization Reference, AWS X-Ray.',
  },
  {
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
  {
    resource: /^arn:aws:states:us-east-1:123456789012:execution:<?WorkflowStateMachine>?(\/[A-Za-z]+)?:\*$/,
    actions: ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
    rule: 'Children are named by Step Functions as they start: IAM policies for Distributed Map.',
  },
];

/** Whether AWS forces the wildcard in this resource for this action. */
export function isForced(resource: string, action: string): boolean {
  return FORCED_WILDCARDS.some((rule) => rule.resource.test(resource) && rule.actions.includes(action));
}
