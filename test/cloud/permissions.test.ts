// Least privilege: every wildcard is listed here with the AWS rule that forces it, and no role reaches outside its places.
import { beforeAll, describe, expect, it } from 'vitest';
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

  it('the image functions write the destination only, and read what they must', () => {
    for (const role of [/^ProcessRole/, /^ProcessLargeRole/]) {
      expect(may(role, 's3:PutObject')).toEqual(['arn:aws:s3:::the-destination/out/*']);
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

  it('listing is bounded by prefix', () => {
    const listings = all.filter(({ actions }) => actions.includes('s3:ListBucket'));
    expect(listings.length).toBeGreaterThan(0);
    for (const { statement } of listings) {
      const [prefix] = Object.values(statement.Condition ?? {}).map((condition) => condition['s3:prefix']);
      expect(prefix).toMatch(/^(in|out|acc)\/(runs\/)?\*$/);
    }
  });

  it('the state machine invokes its four functions, unversioned, and no other', () => {
    expect(may(/^WorkflowRole/, 'lambda:InvokeFunction')).toEqual(
      ['PrepareFunction', 'ProcessFunction', 'ProcessLargeFunction', 'SummarizeFunction'].sort(),
    );
  });
});
