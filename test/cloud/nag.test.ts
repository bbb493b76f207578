// AWS's own rules for solutions hold, and each exception says why.
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { synthesize } from './synth.ts';

describe.each([
  ['with buckets of its own', {}],
  [
    'with existing buckets, triggers and a key',
    {
      source: 's3://a-source/in/',
      destination: 's3://a-destination/',
      results: 's3://a-results/',
      jobFiles: true,
      uploads: true,
      eventBridgeIsOn: true,
      email: 'team@example.com',
      kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    },
  ],
])('the stack %s', (_, settings) => {
  const { app, stack } = synthesize(settings);

  it('violates no rule of cdk-nag but by wildcards that AWS forces', () => {
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);
    // Wildcards in resources have a stricter test of their own, which knows the actions too: permissions.test.ts.
    const others = violations.filter(({ ruleName }) => !ruleName.startsWith('AwsSolutions-IAM5[Resource::'));
    expect(others.map(({ ruleName, violatingResources }) => ({ ruleName, violatingResources }))).toEqual([]);
  });

  it('acknowledges rules for a reason, each', () => {
    const acknowledged = stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .map(({ data }) => data as Record<string, string>);
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const reasons of acknowledged) {
      for (const reason of Object.values(reasons)) expect(reason).toMatch(/^.{40,}\.$/s);
    }
  });
});
