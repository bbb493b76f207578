// Triggers, reports and monitoring: what starts a run by itself, and who hears of its end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { METRICS } from '../../lambda/contract/metrics.ts';
import { ROOT } from '../../lib/cloud/bundle.ts';
import { type Resource, resources, type Synthesized, synthesize } from './synth.ts';

const PLACES = {
  source: 's3://the-source/in/',
  destination: 's3://the-destination/',
  results: 's3://the-results/acc/',
};
let quiet: Synthesized;
let eager: Synthesized;
beforeAll(() => {
  quiet = synthesize();
  eager = synthesize({
    ...PLACES,
    jobFiles: 'true',
    uploads: 'true',
    uploadsBatchSize: '50',
    uploadsWindowSeconds: '5',
    email: 'team@example.com',
  });
});

const rules = ({ template }: Synthesized): unknown[] =>
  Object.values(resources(template, 'AWS::Events::Rule')).map(({ Properties }) => Properties['EventPattern']);

describe('triggers', () => {
  it("are off by default: one rule for ended runs and one for redriven ones, and no queue but its dead letters and its function's", () => {
    expect(rules(quiet)).toHaveLength(2);
    quiet.template.resourceCountIs('AWS::SQS::Queue', 2);
    quiet.template.resourceCountIs('AWS::Lambda::EventSourceMapping', 0);
  });

  it('listen below the source and to jobs/ of the results, and nowhere else', () => {
    const created = rules(eager).filter((pattern) => JSON.stringify(pattern).includes('aws.s3'));
    expect(created).toEqual([
      {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket: { name: ['the-results'] }, object: { key: [{ prefix: 'acc/jobs/' }] } },
      },
      {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket: { name: ['the-source'] }, object: { key: [{ prefix: 'in/' }] } },
      },
    ]);
  });

  it('gather uploads as asked, and give back what could not be started', () => {
    eager.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 50,
      MaximumBatchingWindowInSeconds: 5,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    eager.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
  });

  it('hide a message for longer than the starter may take, six times over, and bury it after five tries, or a hundred of uploads that wait', () => {
    const starter = Object.values(resources(eager.template, 'AWS::Lambda::Function')).find(({ Properties }) =>
      String(Properties['Description']).includes('starts runs'),
    ) as Resource;
    const queues = Object.values(resources(eager.template, 'AWS::SQS::Queue')).filter(
      ({ Properties }) => 'RedrivePolicy' in Properties,
    );
    expect(queues).toHaveLength(2);
    for (const { Properties } of queues) {
      expect(Properties['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * (starter.Properties['Timeout'] as number));
      const { maxReceiveCount } = Properties['RedrivePolicy'] as { maxReceiveCount: number };
      expect([5, 100]).toContain(maxReceiveCount);
    }
  });

  it('have a dead-letter queue each, so that SQS can move messages back to where they came from', () => {
    const queues = Object.values(resources(eager.template, 'AWS::SQS::Queue'));
    const targets = queues.flatMap(({ Properties }) =>
      'RedrivePolicy' in Properties
        ? [(Properties['RedrivePolicy'] as { deadLetterTargetArn: string }).deadLetterTargetArn]
        : [],
    );
    expect(new Set(targets).size).toBe(2);
    const [rule] = Object.values(resources(eager.template, 'AWS::Events::Rule')).filter(({ Properties }) =>
      JSON.stringify(Properties).includes('SUCCEEDED'),
    );
    const [invoke] = Object.values(resources(eager.template, 'AWS::Lambda::EventInvokeConfig'));
    const others = [rule, invoke].map(
      (one) => /<ImageFanoutReports(Undelivered|Unreported)Ends\w+>/.exec(JSON.stringify(one))?.[1],
    );
    expect(others).toEqual(['Undelivered', 'Unreported']);
  });

  it('start uploads two at a time, whatever arrives', () => {
    eager.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 50,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });

  it('refuse a job that does not fit into the environment of a function, and say where a recipe goes', () => {
    const outputs = Array.from({ length: 60 }, (_, n) => ({ name: `o${n}`, format: 'jpeg', key: `{name}-${n}.jpg` }));
    const uploadsJob = JSON.stringify({ recipe: { outputs } });
    expect(uploadsJob.length).toBeGreaterThan(2500);
    expect(() => synthesize({ uploads: true, uploadsJob })).toThrow(
      /uploadsJob: expected at most 2500 bytes .*recipes\//,
    );
    // What is taken leaves room for the other variables in Lambda's 4 KB.
    const long = 'x'.repeat(62);
    const places = {
      source: `s3://${long}/${'a/'.repeat(200)}`,
      destination: `s3://${long}d/`,
      results: `s3://${long}r/`,
    };
    const { template } = synthesize({
      ...places,
      uploads: true,
      uploadsJob: { recipe: { outputs: outputs.slice(0, 35) } },
    });
    for (const { Properties } of Object.values(resources(template, 'AWS::Lambda::Function'))) {
      const { Variables = {} } = (Properties['Environment'] ?? {}) as { Variables?: Record<string, string> };
      expect(Object.entries(Variables).flat().join('').length).toBeLessThan(4096);
    }
  });

  it('turn EventBridge on for existing buckets, unless it is', () => {
    eager.template.resourceCountIs('Custom::S3BucketNotifications', 2);
    const on = synthesize({ ...PLACES, uploads: true, eventBridgeIsOn: true });
    on.template.resourceCountIs('Custom::S3BucketNotifications', 0);
  });

  it.each([
    [{}, []],
    [{ uploads: true }, ['Source']],
    [{ jobFiles: true }, ['Results']],
    [{ uploads: true, jobFiles: true }, ['Results', 'Source']],
  ])(
    'turn EventBridge on for new buckets with %j: where something listens, as events are paid',
    (settings, expected) => {
      const buckets = Object.entries(synthesize(settings).template.findResources('AWS::S3::Bucket'));
      const on = buckets.filter(([, { Properties = {} }]) => 'NotificationConfiguration' in Properties);
      expect(on.map(([id]) => /ImageFanout([A-Z][a-z]+)/.exec(id)?.[1]).sort()).toEqual(expected);
    },
  );

  it.each([
    [{ source: 's3://one/', destination: 's3://one/out/' }, /outputs would become sources/],
    [{ source: 's3://one/in/deep/', destination: 's3://one/in/' }, /outputs would become sources/],
    [{ source: 's3://one/', results: 's3://one/acc/' }, /result files would become sources/],
    [{ destination: 's3://one/', results: 's3://one/', jobFiles: true }, /outputs would be taken for job files/],
  ])('refuse places in one another: %j', (settings, message) => {
    expect(() => synthesize(settings)).toThrow(message);
  });

  it('allow places side by side in one bucket', () => {
    expect(() =>
      synthesize({ source: 's3://one/in/', destination: 's3://one/out/', results: 's3://one/acc/' }),
    ).not.toThrow();
  });
});

describe('reports', () => {
  it("hear of every end of this state machine's own executions", () => {
    expect(rules(quiet)).toContainEqual({
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: {
        stateMachineArn: [
          expect.stringMatching(/^<ImageFanoutWorkflowStateMachine/),
          expect.stringMatching(/^<ImageFanoutPartsAccountStateMachine/),
        ],
        status: ['SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT'],
      },
    });
  });

  it('a redrive, which does not come by Prepare, has its guard started', () => {
    const [rule] = Object.values(resources(quiet.template, 'AWS::Events::Rule')).filter(({ Properties }) =>
      JSON.stringify(Properties).includes('redriveCount'),
    );
    expect(rule?.Properties['EventPattern']).toMatchObject({
      detail: {
        stateMachineArn: [expect.stringMatching(/^<ImageFanoutWorkflowStateMachine/)],
        status: ['RUNNING'],
        redriveCount: [{ numeric: ['>', 0] }],
      },
    });
    expect(rule?.Properties['Targets']).toMatchObject([
      { Arn: expect.stringMatching(/^<ImageFanoutGuardStateMachine/) },
    ]);
  });

  it('that fail go to a dead-letter queue, as EventBridge takes them for delivered', () => {
    quiet.template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
      MaximumRetryAttempts: 2,
    });
  });

  it('mail only what needs somebody, and a failed run once: alarms of runs carry no attributes', () => {
    const subscriptions = Object.values(resources(eager.template, 'AWS::SNS::Subscription')).map(
      ({ Properties }) => [Properties['TopicArn'], Properties['FilterPolicy']] as const,
    );
    expect(subscriptions).toEqual([
      [expect.stringContaining('ReportsTopic'), { attention: ['yes'] }],
      [expect.stringContaining('ReportsAlarms'), undefined],
    ]);
    const toRuns = Object.keys(resources(eager.template, 'AWS::CloudWatch::Alarm')).filter((id) =>
      JSON.stringify(resources(eager.template, 'AWS::CloudWatch::Alarm')[id]).includes('ReportsTopic'),
    );
    expect(toRuns.map((id) => /Monitoring([A-Za-z]+?)[0-9A-F]{8}$/.exec(id)?.[1]).sort()).toEqual([
      'FailedKeys',
      'RunFailed',
      'RunTimedOut',
    ]);
  });

  it('tell a topic, and by e-mail whom the context names', () => {
    eager.template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'team@example.com' });
    quiet.template.resourceCountIs('AWS::SNS::Topic', 2);
    quiet.template.resourceCountIs('AWS::SNS::Subscription', 0);
  });
});

describe('monitoring', () => {
  it('alarms tell the topic, whose policy lets them', () => {
    const alarms = Object.values(resources(quiet.template, 'AWS::CloudWatch::Alarm'));
    expect(alarms.length).toBeGreaterThan(5);
    for (const { Properties } of alarms)
      expect(Properties['AlarmActions']).toEqual([expect.stringMatching(/ReportsTopic|ReportsAlarms/)]);
    quiet.template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' } }),
        ]),
      },
    });
  });

  it('alarms are on plain metrics, which every emulator knows', () => {
    for (const { Properties } of Object.values(resources(eager.template, 'AWS::CloudWatch::Alarm')))
      expect(Properties).not.toHaveProperty('Metrics');
  });

  it('alarms on errors of every function, on dead letters of every queue, and on keys that failed', () => {
    const alarms = JSON.stringify(resources(eager.template, 'AWS::CloudWatch::Alarm'));
    const functions = Object.keys(resources(eager.template, 'AWS::Lambda::Function')).filter((id) =>
      id.startsWith('ImageFanout'),
    );
    expect(functions.length).toBe(8);
    for (const id of functions) expect(alarms).toContain(`<${id}>`);
    const buried = Object.keys(resources(eager.template, 'AWS::SQS::Queue'));
    expect(buried.length).toBe(6);
    for (const id of buried) expect(alarms).toContain(`<${id}>`);
    expect(alarms).toContain(METRICS.failedKeys);
  });

  it("alarms are as many as the README's cost at rest says", () => {
    const alarms = ({ template }: Synthesized) => Object.keys(resources(template, 'AWS::CloudWatch::Alarm')).length;
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8').replaceAll(/\s+/g, ' ');
    expect(readme).toContain(`its ${alarms(quiet)} alarms ($0.10 a month each; ${alarms(eager)} with both triggers)`);
  });

  it('two deployments of an account do not add up', () => {
    const other = synthesize({ stackName: 'Other' });
    const alarms = Object.values(resources(other.template, 'AWS::CloudWatch::Alarm')).map((one) => JSON.stringify(one));
    const [alarm] = alarms.filter((one) => one.includes(METRICS.failedKeys));
    const named = JSON.stringify({ Name: METRICS.stackDimension, Value: other.stack.stackName });
    expect(alarm).toContain(named);
    other.template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ IMAGE_FANOUT_STACK: Match.anyValue() }) },
    });
  });

  it('the dashboard shows the large function too, and what all of a run costs', () => {
    const [dashboard] = Object.values(resources(quiet.template, 'AWS::CloudWatch::Dashboard'));
    const body = String(dashboard?.Properties['DashboardBody']);
    expect(body).toContain('<ImageFanoutProcessLargeFunction');
    expect(body).toMatch(/USD \(image functions, Step Functions, S3 writes, logs\)/);
  });

  it('the dashboard shows every metric that the image function counts', () => {
    const [dashboard] = Object.values(resources(quiet.template, 'AWS::CloudWatch::Dashboard'));
    const body = String(dashboard?.Properties['DashboardBody']);
    for (const name of [
      METRICS.succeeded,
      METRICS.skipped,
      METRICS.failed,
      METRICS.failedByClass,
      METRICS.bytesRead,
      METRICS.bytesWritten,
    ]) {
      expect(body).toContain(name);
    }
    expect(() => JSON.parse(body)).not.toThrow();
  });

  it('can be left out', () => {
    const { template } = synthesize({ monitoring: 'false' });
    template.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  });
});

it('a key of the user encrypts all that is created, and every role may use it', () => {
  const kmsKey = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const { template } = synthesize({ kmsKey, uploads: true });
  template.allResourcesProperties('AWS::S3::Bucket', {
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: kmsKey } },
      ],
    },
  });
  template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: kmsKey });
  template.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: kmsKey });
  const policies = Object.values(resources(template, 'AWS::IAM::Policy')).filter(
    ({ Properties }) => !/MapRuns|Counts|GuardR|EventsRole/.test(String(Properties['PolicyName'])),
  );
  for (const policy of policies) expect(JSON.stringify(policy)).toContain(kmsKey);
});

it('places may have keys of their own, and each role uses those of its places', () => {
  const key = (id: string) => `arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-123456789${id}`;
  const keys = { sourceKmsKey: key('aaa'), destinationKmsKey: key('bbb') };
  const { template } = synthesize({ ...PLACES, ...keys, kmsKey: key('ccc') });
  const policies = Object.entries(resources(template, 'AWS::IAM::Policy'));
  const [, policy] = policies.find(([id]) => /ProcessRole/.test(id)) ?? [];
  const { PolicyDocument } = (policy?.Properties ?? {}) as {
    PolicyDocument: { Statement: { Action: unknown; Resource: unknown }[] };
  };
  const allowed = (action: string) =>
    PolicyDocument.Statement.filter(({ Action }) => [Action].flat().includes(action)).flatMap(
      ({ Resource }) => Resource,
    );
  expect(allowed('kms:Decrypt')).toEqual([key('aaa'), key('bbb'), key('ccc')]);
  expect(allowed('kms:GenerateDataKey')).toEqual([key('bbb'), key('ccc')]);
});
