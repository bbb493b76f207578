// Where a wildcard may stand in a policy of the tests' stack, more narrowly than the code's list of the rules that force them.
import { type ForcedWildcard, FORCED_WILDCARDS as RULES } from '../../lib/cloud/wildcards.ts';

export const FORCED_WILDCARDS: readonly ForcedWildcard[] = [
  {
    ...RULES.objects,
    resource:
      /^arn:aws:s3:::the-(source\/in|destination\/out|results\/acc\/(runs|manifests|manifests\/uploads|recipes|jobs|guards))\/\*$/,
  },
  RULES.accountSettings,
  RULES.tracing,
  RULES.logDelivery,
  {
    ...RULES.children,
    resource:
      /^arn:aws:states:us-east-1:123456789012:(execution|mapRun):<?(Workflow|PartsAccount)StateMachine>?(\/[A-Za-z]+)?:\*$/,
  },
];

/** Whether AWS forces the wildcard in this resource for this action. */
export function isForced(resource: string, action: string): boolean {
  return FORCED_WILDCARDS.some((rule) => rule.resource.test(resource) && rule.actions.includes(action));
}
