// AWS's own rules for solutions hold, and each exception says why.
import { Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
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
      email: 'team@example.com',
      kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    },
  ],
])('the stack %s', (_, settings) => {
  const { app, stack } = synthesize(settings);

  it('violates no rule of cdk-nag', () => {
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);
    expect(violations.map(({ ruleName, violatingResources }) => ({ ruleName, violatingResources }))).toEqual([]);
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

it('a wildcard that no rule of AWS forces is reported', () => {
  const { app } = synthesize({}, (stack) => {
    stack.node
      .findAll()
      .find((node) => node instanceof Role)
      ?.addToPolicy(
        new PolicyStatement({ actions: ['s3:GetObject', 's3:DeleteObject'], resources: ['arn:aws:s3:::theirs/*'] }),
      );
  });
  const { violations } = new AwsSolutionsChecks(app).validateScope(app);
  expect(violations.map(({ ruleName }) => ruleName)).toEqual(['AwsSolutions-IAM5[Resource::arn:aws:s3:::theirs/*]']);
});
