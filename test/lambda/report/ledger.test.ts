// The ledger: what a run on AWS used and cost, from its records; equal to the formula, and honest on what no record tells.
import { describe, expect, it } from 'vitest';
import type { Used } from '../../../lambda/contract/used.ts';
import { costs, LOG_BYTES } from '../../../lambda/estimate/costs.ts';
import { pricesOf } from '../../../lambda/estimate/prices.ts';
import type { Deployment } from '../../../lambda/job/prepared.ts';
import { failureOf } from '../../../lambda/job/wire.ts';
import { writeAccount } from '../../../lambda/report/account.ts';
import { type Cost, summarySchema } from '../../../lambda/report/summary.ts';
import { accountText } from '../../../lambda/report/text.ts';
import { causeOf, childRecord, failed, putAttempt, succeeded, type TestRun, testRun } from './run-folders.ts';

const PREPARE: Used = { ms: 200, mb: 512, gets: 2, puts: 0 };
const DEPLOYMENT: Deployment = { region: 'us-east-1', architecture: 'arm64', memory: 1769, prepare: PREPARE };
const USED: Used = { ms: 500, mb: 1769, gets: 4, puts: 2 };
type Row = ReturnType<typeof childRecord>;

/** The record as a deployed function makes it: its answer, or its failure, tells what it used. */
function told({ file, record }: Row, used: Used): Row {
  if (record['Output'] !== undefined)
    return { file, record: { ...record, Output: JSON.stringify({ ...JSON.parse(record['Output'] as string), used }) } };
  const { outcomes } = JSON.parse(
    (JSON.parse(record['Cause'] as string).errorMessage as string).split('\n')[1] as string,
  );
  return { file, record: { ...record, Cause: causeOf(failureOf(outcomes, used)) } };
}

async function costOfRun(run: TestRun, used?: Used): Promise<Cost> {
  const summary = await writeAccount({ ...run, ...(used === undefined ? {} : { used: () => used }) });
  expect(summarySchema.parse(JSON.parse(run.read('summary.json')))).toEqual(JSON.parse(JSON.stringify(summary)));
  return summary.cost as Cost;
}

const many = (count: number, used: Used | undefined): Row[] =>
  Array.from({ length: count }, (_, at) => {
    const row = childRecord([succeeded(at, `${at}.jpg`)], 1 + at / 200);
    return used === undefined ? row : told(row, used);
  });

describe('the ledger of a run on AWS', () => {
  it('comes to what the formula tells of a run of that shape, component by component', async () => {
    const run = testRun({ deployment: DEPLOYMENT });
    // The formula: a GET and a HEAD for the source and its mark, a HEAD and a PUT for each output.
    putAttempt(run, many(4000, { ms: 500, mb: 1769, gets: 4, puts: 2 }));
    const { components, dollars } = await costOfRun(run, { ms: 2000, mb: 1769, gets: 3, puts: 0 });
    const formula = costs({ images: 4000, milliseconds: 500, outputs: 2 });
    for (const [name, amount] of Object.entries(components)) {
      const told = formula[name as keyof typeof formula];
      // Beside its images a run has Prepare, Summarize, manifests and an account, which are hundredths of these 4,000.
      expect(Math.abs(amount - told), name).toBeLessThanOrEqual(0.03 * told);
    }
    expect(Math.abs(dollars - formula.total)).toBeLessThan(0.01 * formula.total);
    expect(dollars).toBeCloseTo(
      Object.values(components).reduce((sum, amount) => sum + amount, 0),
      12,
    );
  });

  it('adds up what each invocation tells of itself, also one that failed, and the large function by its own memory', async () => {
    const run = testRun({ deployment: DEPLOYMENT, toleratedFailureCount: 1 });
    putAttempt(run, [
      told(childRecord([succeeded(0, 'a.jpg')], 1), USED),
      told(childRecord([failed(1, 'b.jpg')], 2), { ...USED, ms: 100, puts: 0 }),
      told(childRecord([succeeded(2, 'c.jpg')], 3), { ...USED, mb: 3008, kms: 5 }),
    ]);
    const { used } = await costOfRun(run);
    expect(used).toMatchObject({
      invocations: 4,
      children: 3,
      // Three children of half a second, of 64 MB each.
      childGigabyteSeconds: 1.5 / 16,
      gets: 12 + PREPARE.gets,
      kmsRequests: 5,
      lists: 1,
      logBytes: 4 * LOG_BYTES,
      s3Events: 0,
      publishes: 1,
      // One class failed: a metric of it, and one of failures.
      metricHours: 8,
    });
    expect(used.gigabyteSeconds).toBeCloseTo((0.5 + 0.1) * (1769 / 1024) + 0.5 * (3008 / 1024) + 0.2 * 0.5, 9);
    // Two outputs of two; one of each: result files twice, manifests twice, the account's three and job.json.
    expect(used.puts).toBe(4 + 2 + 2 + 4);
  });

  it('names what it does not know, with the most that it can come to', async () => {
    const run = testRun({ deployment: DEPLOYMENT });
    const timedOut = { ...childRecord([failed(0, 'a.jpg')], 100).record, Error: 'States.Timeout' } as Record<
      string,
      unknown
    >;
    delete timedOut['Cause'];
    // It answered after 100 ms of a child's 500: the rest were waits, or tries that left no record.
    putAttempt(run, [
      { file: 'FAILED', record: timedOut },
      told(childRecord([succeeded(1, 'b.jpg')], 1), { ...USED, ms: 100 }),
    ]);
    const { notKnown, used } = await costOfRun(run);
    expect(used.gigabyteSeconds).toBeCloseTo((0.5 + 0.1) * (1769 / 1024) + 0.1, 9);
    const whats = notKnown.map(({ what }) => what).join('\n');
    expect(whats).toContain('1 invocations that gave no answer');
    for (const named of ['left no record', 'log lines', "X-Ray's default rule", 'storage', 'made the account'])
      expect(whats).toContain(named);
    const tries = notKnown.find(({ what }) => what.includes('left no record'));
    expect(tries?.atMostDollars).toBeCloseTo(0.4 * (1769 / 1024) * pricesOf().prices.lambdaGigabyteSecond, 12);
  });

  it('counts every attempt of a run that was redriven, and no child that was never started', async () => {
    const run = testRun({ deployment: DEPLOYMENT });
    const earlier = putAttempt(run, [
      told(childRecord([succeeded(0, 'a.jpg')], 1), USED),
      told(childRecord([failed(1, 'b.jpg')], 2), USED),
      childRecord([{ status: 'pending', index: 2, key: 'c.jpg' }]),
    ]);
    putAttempt(
      run,
      [told(childRecord([succeeded(1, 'b.jpg')], 5), USED), told(childRecord([succeeded(2, 'c.jpg')], 6), USED)],
      {
        redrive: 1,
        earlier,
      },
    );
    const { used } = await costOfRun(run);
    expect(used).toMatchObject({ children: 4, transitions: 9 });
  });

  it('counts every call of a batch that was cut for want of time', async () => {
    const run = testRun({ deployment: DEPLOYMENT });
    putAttempt(run, [told(childRecord([succeeded(0, 'a.jpg'), succeeded(1, 'b.jpg')], 1), { ...USED, calls: 2 })]);
    expect((await costOfRun(run)).used).toMatchObject({ children: 1, invocations: 3 });
  });

  it('has the prices of its Region and processor, and says when another Region stands in', async () => {
    const costIn = async (deployment: Partial<Deployment>) => {
      const run = testRun({ deployment: { ...DEPLOYMENT, ...deployment } });
      putAttempt(run, many(1, USED));
      return await costOfRun(run);
    };
    const [usual, x86, unknown] = [
      await costIn({}),
      await costIn({ architecture: 'x86_64' }),
      await costIn({ region: 'mars-north-1' }),
    ];
    expect(x86.components.lambda).toBeGreaterThan(usual.components.lambda);
    expect(unknown.prices).toMatchObject({ region: 'us-east-1', standInFor: 'mars-north-1' });
    expect(usual.prices).not.toHaveProperty('standInFor');
  });

  it('counts the events of uploads', async () => {
    const run = testRun({ deployment: DEPLOYMENT, run: 'uploads-1', reader: { kind: 'KEYS' } });
    putAttempt(run, many(3, USED));
    expect((await costOfRun(run)).used).toMatchObject({ s3Events: 3, lists: 0 });
  });

  it('is in the report, the dearest component first', async () => {
    const run = testRun({ deployment: DEPLOYMENT });
    putAttempt(run, many(1000, USED));
    const text = accountText(await writeAccount(run));
    expect(text).toMatch(
      /Cost: \$0\.\d+, at list prices of us-east-1, \d{4}-\d\d\n {2}(Lambda|S3 requests) \$0\.01\d*, /,
    );
  });
});

it('a run of a machine has no ledger', async () => {
  const run = testRun();
  putAttempt(run, many(1, undefined));
  expect(await writeAccount(run)).not.toHaveProperty('cost');
});
