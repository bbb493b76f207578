// Least privilege: every wildcard is listed here with the AWS rule that forces it, and no role reaches outside its places.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../lib/cloud/bundle.ts';
import { list, type Statement, type Synthesized, shortName, statements, synthesize } from './synth.ts';
import { FORCED_WILDCARDS, isForced } from './wildcards.ts';

let stack: Synthesized;
let all: { role: string; actions: string[]; resources: string[]; statement: Statement }[];
beforeAll(() => {
  stack = synthesize({
    source: 's3://the-source/in/',
    destination: 's3://the-destination/out/',
    results: 's3://the-results/acc/',
    jobFiles: true,
    uploads: true,
  });
  all = statements(stack.template).map(({ role, statement }) => ({
    role,
    actions: list(statement.Action),
    resources: list(statement.Resource).map(shortName),
    statement,
  }));
});

describe('wildcards', () => {
  it('stand only where AWS forces one', () => {
    const unexplained = all.flatMap(({ role, actions, resources }) =>
      resources
        .filter((resource) => resource.includes('*'))
        .filter((resource) => !actions.every((action) => isForced(resource, action)))
        .map((resource) => `${role}: ${actions.join(', ')} on ${resource}`),
    );
    expect(unexplained).toEqual([]);
  });

  it('stand in no action', () => {
    expect(all.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('are all used, so that this list does not outlive its reasons', () => {
    const used = FORCED_WILDCARDS.filter((rule) =>
      all.some(
        ({ actions, resources }) =>
          actions.some((action) => rule.actions.includes(action)) &&
          resources.some((resource) => rule.resource.test(resource)),
      ),
    );
    expect(used).toEqual(FORCED_WILDCARDS);
  });
});

describe('reading and writing', () => {
  const may = (role: RegExp, action: string): string[] =>
    all
      .filter((entry) => role.test(entry.role) && entry.actions.includes(action))
      .flatMap(({ resources }) => resources)
      .sort();

  it('the image functions write the destination and what they tell guards only, and read what they must', () => {
    for (const role of [/^ProcessRole/, /^ProcessLargeRole/]) {
      expect(may(role, 's3:PutObject')).toEqual([
        'arn:aws:s3:::the-destination/out/*',
        'arn:aws:s3:::the-results/acc/guards/*',
      ]);
      expect(may(role, 's3:GetObject')).toEqual([
        'arn:aws:s3:::the-destination/out/*',
        'arn:aws:s3:::the-results/acc/recipes/*',
        'arn:aws:s3:::the-results/acc/runs/*',
        'arn:aws:s3:::the-source/in/*',
      ]);
    }
  });

  it('Prepare reads whatever a job may refer to, watermarks below the destination among it', () => {
    expect(may(/^PrepareRole/, 's3:GetObject')).toEqual([
      'arn:aws:s3:::the-destination/out/*',
      'arn:aws:s3:::the-results/acc/jobs/*',
      'arn:aws:s3:::the-results/acc/manifests/*',
      'arn:aws:s3:::the-results/acc/recipes/*',
      'arn:aws:s3:::the-results/acc/runs/*',
      'arn:aws:s3:::the-source/in/*',
    ]);
  });

  it('the account reads its runs, and sources and outputs for the page', () => {
    for (const role of [/^SummarizeRole/, /^ReportsReportRole/]) {
      expect(may(role, 's3:GetObject')).toEqual([
        'arn:aws:s3:::the-destination/out/*',
        'arn:aws:s3:::the-results/acc/runs/*',
        'arn:aws:s3:::the-source/in/*',
      ]);
    }
  });

  it('everybody else writes runs only', () => {
    for (const role of [/^PrepareRole/, /^SummarizeRole/, /^WorkflowRole/, /^ReportsReportRole/]) {
      expect(may(role, 's3:PutObject')).toEqual(['arn:aws:s3:::the-results/acc/runs/*']);
    }
  });

  it('the starter starts this state machine, and writes manifests of uploads only', () => {
    expect(may(/^TriggersStartRole/, 's3:PutObject')).toEqual(['arn:aws:s3:::the-results/acc/manifests/uploads/*']);
    expect(may(/^TriggersStartRole/, 's3:GetObject')).toEqual([]);
    expect(may(/^TriggersStartRole/, 'states:StartExecution')).toEqual([
      expect.stringContaining('WorkflowStateMachine'),
    ]);
  });

  it('only the guard scales and stops runs, those of this state machine', () => {
    for (const action of ['states:UpdateMapRun', 'states:StopExecution']) {
      const roles = all.filter(({ actions }) => actions.includes(action)).map(({ role }) => role);
      // Step Functions itself stops children.
      expect(roles.filter((role) => !/^(Workflow|PartsAccount)Role/.test(role))).toEqual([
        expect.stringMatching(/^GuardRole/),
      ]);
    }
    expect(may(/^GuardRole/, 'states:StopExecution')).toEqual([
      expect.stringMatching(/:execution:<?WorkflowStateMachine\w*\.?\w*>?:\*$/),
    ]);
    expect(may(/^PrepareRole/, 'states:StartExecution')).toEqual([expect.stringContaining('GuardStateMachine')]);
    expect(may(/^GuardRole/, 's3:PutObject')).toEqual([]);
  });

  it("the CDK's function turns notifications on for the buckets of triggers, and touches no others", () => {
    const role = /^BucketNotificationsHandler/;
    expect(may(role, 's3:PutBucketNotification')).toEqual(['arn:aws:s3:::the-results', 'arn:aws:s3:::the-source']);
    const actions = new Set(all.filter((entry) => role.test(entry.role)).flatMap(({ actions }) => actions));
    expect(actions).toEqual(new Set(['s3:GetBucketNotification', 's3:PutBucketNotification']));
  });

  it('nobody deletes anything', () => {
    expect(all.flatMap(({ actions }) => actions).filter((action) => /^s3:Delete/.test(action))).toEqual([]);
  });

  it('Prepare tells a missing object from a forbidden one in all three places', () => {
    expect(may(/^PrepareRole/, 's3:ListBucket')).toEqual([
      'arn:aws:s3:::the-destination',
      'arn:aws:s3:::the-results',
      'arn:aws:s3:::the-source',
    ]);
  });

  it('the image functions tell a missing watermark from a forbidden one', () => {
    for (const role of [/^ProcessRole/, /^ProcessLargeRole/]) {
      const prefixes = all
        .filter((entry) => role.test(entry.role) && entry.resources.includes('arn:aws:s3:::the-results'))
        .flatMap(({ statement }) =>
          Object.values(statement.Condition ?? {}).map((condition) => condition['s3:prefix']),
        );
      expect(prefixes).toEqual(['acc/recipes/*']);
    }
  });

  it('what tells a missing object from a forbidden one lists a whole bucket too, and only that: docs/deploy.md says so', () => {
    const open = all.filter(({ statement }) => 'StringLikeIfExists' in (statement.Condition ?? {}));
    expect([...new Set(open.flatMap(({ actions }) => actions))]).toEqual(['s3:ListBucket']);
    // The state machine, which lists, does not have it.
    expect(open.map(({ role }) => role).filter((role) => role.startsWith('Workflow'))).toEqual([]);
    expect(readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8').replaceAll(/\s+/g, ' ')).toContain(
      'could list the names of the whole bucket',
    );
  });

  it('the starter calls the three actions that a queue needs, and no others', () => {
    const actions = all
      .filter(({ role }) => /^TriggersStartRole/.test(role))
      .flatMap(({ actions }) => actions)
      .filter((action) => action.startsWith('sqs:'));
    expect(new Set(actions)).toEqual(new Set(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']));
  });

  it('listing is bounded by prefix', () => {
    const listings = all.filter(({ actions }) => actions.includes('s3:ListBucket'));
    expect(listings.length).toBeGreaterThan(0);
    for (const { statement } of listings) {
      const [prefix] = Object.values(statement.Condition ?? {}).map((condition) => condition['s3:prefix']);
      expect(prefix).toMatch(/^(in|out|acc)\/(runs\/|recipes\/|guards\/)?\*$/);
    }
  });

  it('the state machine invokes its four functions, unversioned, and no other', () => {
    expect(may(/^WorkflowRole/, 'lambda:InvokeFunction')).toEqual(
      ['PrepareFunction', 'ProcessFunction', 'ProcessLargeFunction', 'SummarizeFunction'].sort(),
    );
  });
});
