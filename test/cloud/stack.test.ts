// The template: what is deployed, with which sizes, and what a person is told.
import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { OUTPUTS } from '../../lib/outputs.ts';
import { TIMEOUTS } from '../../lib/workflow.ts';
import { machineOf, rendered, resources, type Synthesized, synthesize } from './synth.ts';

let fresh: Synthesized;
let existing: Synthesized;
beforeAll(() => {
  fresh = synthesize();
  existing = synthesize({
    source: 's3://their-photos/incoming/',
    destination: 's3://their-site/img',
    results: 's3://their-logs/fanout/',
    architecture: 'x86_64',
    memory: '3008',
    largeMemory: '10240',
    maxConcurrency: '250',
    reservedConcurrency: '300',
    logRetentionDays: '7',
    logLevel: 'ALL',
  });
});

describe('the functions', () => {
  it.each([
    ['validates a job', 512, TIMEOUTS.prepareFunction],
    ['makes its renditions', 1769, TIMEOUTS.processFunction],
    ['with more memory', 3008, TIMEOUTS.processLargeFunction],
    ["writes a run's account", 1769, TIMEOUTS.summarizeFunction],
  ])('"%s" has %i MB and %i seconds, on arm64 and Node 24', (description, memory, timeout) => {
    fresh.template.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp(description),
      Architectures: ['arm64'],
      Runtime: 'nodejs24.x',
      MemorySize: memory,
      Timeout: timeout,
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON' },
    });
  });

  it('are sized by context', () => {
    existing.template.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('makes its renditions'),
      Architectures: ['x86_64'],
      MemorySize: 3008,
      ReservedConcurrentExecutions: 300,
      Environment: { Variables: { IMAGE_FANOUT_MAX_CONCURRENCY: '250' } },
    });
    existing.template.hasResourceProperties('AWS::Lambda::Function', { MemorySize: 10240 });
  });

  it('ask for no more memory than a new account allows', () => {
    const sizes = Object.values(resources(fresh.template, 'AWS::Lambda::Function')).map(
      ({ Properties }) => Properties['MemorySize'] as number,
    );
    // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3008);
  });

  it.each([
    [{ reservedConcurrency: 50 }, 50],
    [{ reservedConcurrency: 300 }, 100],
    [{ maxConcurrency: 500, reservedConcurrency: 20 }, 20],
    [{}, 100],
  ])('with %j a job that does not say takes %i at once: never more than are reserved', (settings, most) => {
    const { template } = synthesize(settings);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('prepares its run'),
      Environment: { Variables: Match.objectLike({ IMAGE_FANOUT_MAX_CONCURRENCY: String(most) }) },
    });
    const outputs = rendered(template.findOutputs('*')) as Record<keyof typeof OUTPUTS, { Value: string }>;
    expect(JSON.parse(outputs.ExampleInput.Value)).toMatchObject({ maxConcurrency: most });
  });

  it('each log to a group of their own that is kept as long as asked', () => {
    const groups = Object.values(resources(existing.template, 'AWS::Logs::LogGroup'));
    expect(groups.map(({ Properties }) => Properties['RetentionInDays'])).toEqual(groups.map(() => 7));
    const used = Object.values(resources(existing.template, 'AWS::Lambda::Function')).map(
      ({ Properties }) => (Properties['LoggingConfig'] as { LogGroup: string }).LogGroup,
    );
    expect(new Set(used).size).toBe(used.length);
  });
});

it('the functions that sort an account have all the disk that there can be', () => {
  for (const description of ["writes a run's account", 'writes the account after']) {
    fresh.template.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp(description),
      EphemeralStorage: { Size: 10_240 },
    });
  }
});

it("the state machine logs below AWS's name for logs of services, which takes no line of the account's log policy", () => {
  const machine = machineOf(fresh, 'Workflow');
  expect(JSON.stringify(machine.Properties['LoggingConfiguration'])).toContain('ImageFanoutLogs');
  fresh.template.hasResourceProperties('AWS::Logs::LogGroup', {
    LogGroupName: Match.stringLikeRegexp('^/aws/vendedlogs/states/ImageFanout-'),
  });
});

describe('the buckets', () => {
  it('are private, encrypted, only reached over TLS, and kept but by the deployment that failed to create them', () => {
    const buckets = fresh.template.findResources('AWS::S3::Bucket');
    expect(Object.keys(buckets)).toHaveLength(3);
    for (const bucket of Object.values(buckets)) {
      expect(bucket).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          PublicAccessBlockConfiguration: {
            BlockPublicAcls: true,
            BlockPublicPolicy: true,
            IgnorePublicAcls: true,
            RestrictPublicBuckets: true,
          },
        },
      });
      expect(bucket['Properties']).toHaveProperty('BucketEncryption');
    }
    fresh.template.resourcePropertiesCountIs(
      'AWS::S3::BucketPolicy',
      { PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Effect: 'Deny', Action: 's3:*' })]) } },
      3,
    );
  });

  it('are not created when existing ones are named', () => {
    existing.template.resourceCountIs('AWS::S3::Bucket', 0);
    existing.template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: {
          IMAGE_FANOUT_SOURCE: 's3://their-photos/incoming/',
          IMAGE_FANOUT_DESTINATION: 's3://their-site/img/',
          IMAGE_FANOUT_RESULTS: 's3://their-logs/fanout/',
        },
      },
    });
  });
});

describe('the outputs', () => {
  it('are the documented ones', () => {
    expect(Object.keys(fresh.template.findOutputs('*')).sort()).toEqual(Object.keys(OUTPUTS).sort());
  });

  it('lead to the state machine in the console, and give an input to paste', () => {
    const outputs = rendered(fresh.template.findOutputs('*')) as Record<keyof typeof OUTPUTS, { Value: string }>;
    const { Consoles } = fresh.template.toJSON()['Mappings'] as Record<string, Record<string, { host: string }>>;
    expect(Object.entries(Consoles ?? {}).map(([partition, { host }]) => [partition, host])).toEqual([
      ['aws', 'console.aws.amazon.com'],
      ['aws-cn', 'console.amazonaws.cn'],
      ['aws-us-gov', 'console.amazonaws-us-gov.com'],
    ]);
    expect(outputs.ConsoleUrl.Value).toBe(
      `https://us-east-1.<Consoles.aws.host>/states/home?region=us-east-1#/statemachines/view/${outputs.StateMachineArn.Value}`,
    );
    expect(JSON.parse(outputs.ExampleInput.Value)).toMatchObject({ recipe: 'web', toleratedFailureCount: 0 });
  });
});

it('needs neither an account nor a Region to be synthesized', () => {
  expect(fresh.stack.environment).toBe('aws://unknown-account/unknown-region');
});
