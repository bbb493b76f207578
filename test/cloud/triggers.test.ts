// Triggers, reports and monitoring: what starts a run by itself, and who hears of its end.
import { Match } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { METRICS } from '../../lambda/contract/metrics.ts';
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
  it('are off by default: one rule, for ended runs, and no queue but the dead letters', () => {
    expect(rules(quiet)).toHaveLength(1);
    quiet.template.resourceCountIs('AWS::SQS::Queue', 1);
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

  it('hide a message for longer than the starter may take, six times over, and bury it after five tries', () => {
    const starter = Object.values(resources(eager.template, 'AWS::Lambda::Function')).find(({ Properties }) =>
      String(Properties['Description']).includes('starts runs'),
    ) as Resource;
    const queues = Object.values(resources(eager.template, 'AWS::SQS::Queue')).filter(
      ({ Properties }) => 'RedrivePolicy' in Properties,
    );
    expect(queues).toHaveLength(2);
    for (const { Properties } of queues) {
      expect(Properties['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * (starter.Properties['Timeout'] as number));
      expect(Properties['RedrivePolicy']).toMatchObject({ maxReceiveCount: 5 });
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
    expect(rules(quiet)).toEqual([
      {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [expect.stringMatching(/^<ImageFanoutWorkflowStateMachine/)],
          status: ['SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT'],
        },
      },
    ]);
  });

  it('tell a topic, and by e-mail whom the context names', () => {
    eager.template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'team@example.com' });
    quiet.template.resourceCountIs('AWS::SNS::Topic', 1);
    quiet.template.resourceCountIs('AWS::SNS::Subscription', 0);
  });
});

describe('monitoring', () => {
  it('alarms tell the topic, whose policy lets them', () => {
    const alarms = Object.values(resources(quiet.template, 'AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(5);
    for (const { Properties } of alarms) expect(Properties['AlarmActions']).toEqual([expect.stringContaining('Topic')]);
    quiet.template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' } }),
        ]),
      },
    });
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
    ({ Properties }) => !String(Properties['PolicyName']).includes('MapRuns'),
  );
  for (const policy of policies) expect(JSON.stringify(policy)).toContain(kmsKey);
});
