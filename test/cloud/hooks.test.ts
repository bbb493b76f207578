// What the construct lets an app of one's own hang in and reach: network, topics, log groups, boundaries, tags, alarms, escape hatches.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack, Tags, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../lib/cloud/bundle.ts';
import { ImageFanout, type ImageFanoutProps } from '../../lib/cloud/index.ts';
import { list, resources, statements } from './synth.ts';

const JOB = { job: {}, batchSize: 100, windowSeconds: 60 };

/** A stack of somebody's own with the construct in it; `props` are made in that stack. */
function inStack(
  props: (stack: Stack) => ImageFanoutProps,
  after: (fanout: ImageFanout, stack: Stack) => void = () => {},
) {
  const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  const app = new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] } });
  const stack = new Stack(app, 'Mine');
  const fanout = new ImageFanout(stack, 'Photos', props(stack));
  after(fanout, stack);
  return { app, stack, fanout, template: Template.fromStack(stack) };
}

const functionsOf = (template: Template) =>
  Object.values(resources(template, 'AWS::Lambda::Function')).filter(({ Properties }) =>
    String(Properties['Description'] ?? '').startsWith('image-fanout'),
  );

describe("a network of one's own", () => {
  const { app, template } = inStack((stack) => {
    // The CDK's own classes are no match for its interfaces under exactOptionalPropertyTypes.
    const vpc = new Vpc(stack, 'Vpc', {
      subnetConfiguration: [{ name: 'in', subnetType: SubnetType.PRIVATE_ISOLATED }],
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason: 'The network of this test carries no traffic to log.',
    });
    return {
      uploads: JOB,
      vpc: vpc as IVpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [new SecurityGroup(stack, 'Group', { vpc: vpc as IVpc })],
    };
  });

  it('holds every function, with subnets and security groups', () => {
    const functions = functionsOf(template);
    expect(functions.length).toBe(8);
    for (const { Properties } of functions) {
      expect(Properties['VpcConfig']).toMatchObject({
        SubnetIds: expect.any(Array),
        SecurityGroupIds: [expect.stringContaining('Group')],
      });
    }
  });

  it('lets every role join it', () => {
    const joining = statements(template).filter(({ statement }) =>
      list(statement.Action).includes('ec2:CreateNetworkInterface'),
    );
    expect(joining.length).toBe(8);
  });

  it('violates no rule of cdk-nag', () => {
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);
    expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  });

  it('is asked for before what belongs to it', () => {
    expect(() => inStack(() => ({ vpcSubnets: { subnetType: SubnetType.PUBLIC } }))).toThrow(
      'expected vpc with vpcSubnets, got none',
    );
    expect(() => inStack(() => ({ securityGroups: [] }))).toThrow('expected vpc with securityGroups, got none');
  });
});

it('without one no function is in a network', () => {
  const { template } = inStack(() => ({}));
  for (const { Properties } of functionsOf(template)) expect(Properties).not.toHaveProperty('VpcConfig');
  expect(JSON.stringify(template.toJSON())).not.toContain('ec2:');
});

describe("topics of one's own", () => {
  const { template } = inStack((stack) => ({
    topic: new Topic(stack, 'Ends', { masterKey: new Key(stack, 'Key') }),
    alarmTopic: new Topic(stack, 'Pager'),
    email: 'team@example.com',
  }));

  it('take the place of the new ones, are subscribed to and may be published to', () => {
    const topics = Object.keys(resources(template, 'AWS::SNS::Topic'));
    expect(topics.map((name) => name.slice(0, 4)).sort()).toEqual(['Ends', 'Page']);
    const subscribed = Object.values(resources(template, 'AWS::SNS::Subscription')).map(({ Properties }) =>
      String(Properties['TopicArn']).slice(1, 5),
    );
    expect(subscribed.sort()).toEqual(['Ends', 'Page']);
    const granted = statements(template)
      .filter(({ role }) => role.includes('Report'))
      .flatMap(({ statement }) =>
        list(statement.Action).map((action) => `${action} ${list(statement.Resource).join()}`),
      );
    expect(granted).toContainEqual(expect.stringMatching(/^sns:Publish <Ends/));
    expect(granted).toContainEqual(expect.stringMatching(/^kms:GenerateDataKey <Key/));
  });

  it('are told by the alarms, which their policies let', () => {
    const alarms = Object.values(resources(template, 'AWS::CloudWatch::Alarm'));
    expect(alarms.length).toBeGreaterThan(5);
    for (const { Properties } of alarms) expect((Properties['AlarmActions'] as string[])[0]).toMatch(/^<(Ends|Pager)/);
    expect(
      JSON.stringify(resources(template, 'AWS::SNS::TopicPolicy')).match(/cloudwatch\.amazonaws\.com/g),
    ).toHaveLength(2);
  });
});

it("log groups of one's own take the logs of those who are given one", () => {
  const { template } = inStack((stack) => ({
    logGroups: {
      Process: new LogGroup(stack, 'Images'),
      Workflow: new LogGroup(stack, 'Machine', { logGroupName: '/aws/vendedlogs/states/mine' }),
    },
  }));
  const process = functionsOf(template).find(({ Properties }) =>
    String(Properties['Description']).includes('makes its renditions'),
  );
  expect(process?.Properties['LoggingConfig']).toMatchObject({ LogGroup: expect.stringMatching(/^<Images/) });
  expect(statements(template)).toContainEqual({
    role: expect.stringContaining('ProcessRole'),
    statement: expect.objectContaining({
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: expect.stringMatching(/^<Images/),
    }),
  });
  template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
    LoggingConfiguration: {
      Destinations: [
        { CloudWatchLogsLogGroup: { LogGroupArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Machine'), 'Arn'] } } },
      ],
    },
  });
});

it('a permissions boundary and tags reach all that is in it', () => {
  const { template } = inStack(
    () => ({ uploads: JOB }),
    (fanout, stack) => {
      PermissionsBoundary.of(fanout).apply(ManagedPolicy.fromManagedPolicyName(stack, 'Boundary', 'ours'));
      Tags.of(fanout).add('team', 'photos');
    },
  );
  const roles = Object.values(resources(template, 'AWS::IAM::Role'));
  expect(roles.length).toBe(12);
  for (const { Properties } of roles) expect(Properties['PermissionsBoundary']).toMatch(/policy\/ours$/);
  for (const type of [
    'AWS::IAM::Role',
    'AWS::Lambda::Function',
    'AWS::S3::Bucket',
    'AWS::SQS::Queue',
    'AWS::SNS::Topic',
    'AWS::StepFunctions::StateMachine',
    'AWS::Logs::LogGroup',
  ]) {
    for (const [name, { Properties }] of Object.entries(resources(template, type))) {
      expect(Properties['Tags'], name).toContainEqual({ Key: 'team', Value: 'photos' });
    }
  }
});

it('metrics, alarms and functions are there for what one adds', () => {
  const { template, fanout } = inStack(
    () => ({}),
    (made, stack) => {
      const pager = new Topic(stack, 'Pager');
      for (const alarm of made.alarms) alarm.addAlarmAction(new SnsAction(pager));
      made.metric('BytesRead').createAlarm(stack, 'Much', { threshold: 1e12, evaluationPeriods: 1 });
      (made.functions.Process.node.defaultChild as CfnFunction).addPropertyOverride('Environment.Variables.MINE', '1');
    },
  );
  const alarms = resources(template, 'AWS::CloudWatch::Alarm');
  expect(fanout.alarms.length).toBe(Object.keys(alarms).length - 1);
  for (const [name, { Properties }] of Object.entries(alarms)) {
    if (name.startsWith('Much')) {
      expect(Properties).toMatchObject({
        MetricName: 'BytesRead',
        Namespace: 'ImageFanout',
        Dimensions: expect.arrayContaining([{ Name: 'stack', Value: 'Mine/Photos' }]),
        Period: 300,
        Statistic: 'Sum',
      });
    } else expect(Properties['AlarmActions']).toContainEqual(expect.stringMatching(/^<Pager/));
  }
  template.hasResourceProperties('AWS::Lambda::Function', { Environment: { Variables: { MINE: '1' } } });
  expect(inStack(() => ({ monitoring: false })).fanout.alarms).toEqual([]);
});
