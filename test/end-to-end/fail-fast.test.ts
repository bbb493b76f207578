// Fail-fast on whole runs: how many may fail, what starts after the first failure, and that every key is accounted for once.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobInput } from '../../lambda/job/job.ts';
import { sortKeys } from '../../lambda/store/paths.ts';
import { type Kind, makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, within } from './job-run.ts';

const runs = fc.record({
  size: fc.integer({ min: 1, max: 30 }),
  bad: fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 10 }),
  other: fc.uniqueArray(fc.nat({ max: 29 }), { maxLength: 3 }),
  itemsPerInvocation: fc.integer({ min: 1, max: 6 }),
  maxConcurrency: fc.integer({ min: 1, max: 8 }),
  tolerance: fc.oneof(
    fc.constant({}),
    fc.record({ toleratedFailureCount: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ toleratedFailurePercentage: fc.constantFrom(0, 10, 33.3, 100) }),
    fc.record({
      toleratedFailureCount: fc.integer({ min: 0, max: 6 }),
      toleratedFailurePercentage: fc.constantFrom(0, 10, 33.3, 100),
    }),
  ),
});

describe.each<[Kind, number]>([
  ['directories', 50],
  ['S3', 25],
])('on %s', (kind, numRuns) => {
  let places: Places;
  let folders = 0;

  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(() => places.close());

  test('any run keeps to its tolerance, and has every key once, in order, in its account', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ size, bad, other, itemsPerInvocation, maxConcurrency, tolerance }) => {
        const folder = `property-${++folders}`;
        const keys = Array.from({ length: size }, (_, index) => `${index}.${other.includes(index) ? 'txt' : 'jpg'}`);
        const where = within(places, folder);
        await Promise.all(
          keys.map(async (key, index) =>
            places.put(`${folder}/${key}`, bad.includes(index) ? 'no image' : await tinyImage()),
          ),
        );
        const job: JobInput = { recipe: TINY, itemsPerInvocation, maxConcurrency, ...tolerance };
        const { summary, code, rows } = await runJob(where, job);
        const { total, succeeded, skipped, failed, pending } = summary.counts;

        expect(rows.map(({ key }) => key)).toEqual(sortKeys(keys.map((key) => where.source.prefix + key)));
        expect(rows.map(({ index }) => index)).toEqual(keys.map((_, index) => index));
        for (const status of ['succeeded', 'skipped', 'failed', 'pending'] as const) {
          expect(summary.counts[status]).toBe(rows.filter((row) => row.status === status).length);
        }
        expect({ total, sum: succeeded + skipped + failed + pending }).toEqual({ total: size, sum: size });
        expect(summary.check).toEqual({ listed: size, balanced: true, problems: [] });

        const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = summary.job;
        // As Step Functions counts it: a batch with a failed key has failed with all its keys.
        const counted = chunks(rows, itemsPerInvocation)
          .filter((batch) => batch.some(({ status }) => status === 'failed'))
          .reduce((sum, batch) => sum + batch.length, 0);
        const exceeded = counted > count || (counted / size) * 100 > percentage;
        expect(code).toBe(exceeded ? 2 : failed > 0 ? 3 : 0);
        if (!exceeded) expect(pending).toBe(0);
        // The child that crosses the line, and those that ran beside it. In a batch four keys are worked on at once, and
        // none is started after a failure when none is tolerated. A share is judged when all keys are listed.
        const perChild = count === 0 || percentage === 0 ? Math.min(4, itemsPerInvocation) : itemsPerInvocation;
        if (percentage === 100 || percentage === 0) {
          const tolerated = percentage === 0 ? 0 : count;
          expect(failed).toBeLessThanOrEqual(tolerated + maxConcurrency * perChild);
        }
        const broken = keys.filter((key, index) => bad.includes(index) && key.endsWith('.jpg'));
        const failedKeys = rows.flatMap((row) => (row.status === 'failed' ? [row.key] : []));
        expect(broken.map((key) => where.source.prefix + key)).toEqual(expect.arrayContaining(failedKeys));
        expect((await outputsBelow(places, folder)).length).toBe(succeeded);
      }),
      { numRuns },
    );
  });

  test.each([1, 2, 8])('at concurrency %i no key starts once the first failure is known', async (concurrency) => {
    const folder = `first-failure-${concurrency}`;
    for (let index = 0; index < 60; index++) {
      await places.put(`${folder}/${index}.jpg`, index === 29 ? 'no image' : await tinyImage());
    }
    let known = false;
    const after = { started: 0, finished: 0 };
    const { summary, code } = await runJob(
      within(places, folder),
      { recipe: TINY, maxConcurrency: concurrency },
      {
        onFailure: () => {
          known = true;
        },
        around: (process) => async (event, context) => {
          if (known) after.started += 1;
          try {
            return await process(event, context);
          } finally {
            if (known) after.finished += 1;
          }
        },
      },
    );
    expect(code).toBe(2);
    expect(after.started).toBe(0);
    expect(after.finished).toBeLessThanOrEqual(concurrency - 1);
    expect(summary.counts).toMatchObject({ total: 60, failed: 1 });
    expect(summary.counts.pending).toBeGreaterThan(0);
    expect(summary.check.balanced).toBe(true);
  });
});

function chunks<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) => values.slice(at * size, (at + 1) * size));
}

async function outputsBelow(places: Places, folder: string): Promise<string[]> {
  const { bucket, prefix } = within(places, folder).destination;
  const keys: string[] = [];
  for await (const page of places.open(bucket).list(prefix)) keys.push(...page.map(({ key }) => key));
  return keys.filter((key) => !key.includes('.image-fanout/'));
}
