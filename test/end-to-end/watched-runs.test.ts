// Runs that are watched: the ramp, the breaker and the deadline hold to the key, whatever is tolerated, and what they leave can be resumed.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Breaker } from '../../lambda/contract/guards.ts';
import { PRICES } from '../../lambda/estimate/prices.ts';
import { rampedConcurrency } from '../../lambda/guard/ramp.ts';
import type { ProcessEvent } from '../../lambda/job/prepared.ts';
import type { Process } from '../../lambda/process/process.ts';
import { type Kind, makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, within } from './job-run.ts';

/** The end of a child: its keys, and how many of them failed by which class. */
interface End {
  readonly keys: number;
  readonly failed: readonly string[];
}

/** Lets children end one after the other, so that the order of their ends is known. */
function inOrder(onStart: () => void, onEnd: (end: End) => void): (process: Process) => Process {
  let turn = Promise.resolve();
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  return (process) => async (event, context) => {
    onStart();
    const ended = (failed: readonly string[]) => {
      const mine = turn.then(() => onEnd({ keys: event.Items.length, failed }));
      turn = mine.then(turns);
      return mine;
    };
    try {
      const answer = await process(event, context);
      await ended([]);
      return answer;
    } catch (error) {
      const { name, message } = error as Error;
      if (!name.startsWith('Execution.')) await ended(failedIn(message, event));
      throw error;
    }
  };
}

function failedIn(message: string, { Items }: ProcessEvent): string[] {
  const { outcomes } = JSON.parse(message.slice(message.lastIndexOf('\n{'))) as {
    outcomes: { status: string; error?: string }[];
  };
  expect(outcomes).toHaveLength(Items.length);
  return outcomes.flatMap(({ status, error = '' }) => (status === 'failed' ? [error] : []));
}

/** After which end the breaker has to trip, by counting anew each time; -1 for never. */
function tripAfter(ends: readonly End[], { keys, percentage }: Breaker): number {
  return ends.findIndex((_, at) => {
    let all = 0;
    let from = at + 1;
    while (all < keys && from > 0) all += (ends[--from] as End).keys;
    const byClass = Map.groupBy(
      ends.slice(from, at + 1).flatMap(({ failed }) => failed),
      (error) => error,
    );
    return all >= keys && [...byClass.values()].some((failed) => failed.length * 100 > all * percentage);
  });
}

/** A key of TINY over S3: the source, a look at the output, and the output. */
const PRICE_OF = {
  succeeded: 3 * PRICES.s3Get + PRICES.s3Put,
  failed: 2 * PRICES.s3Get,
  skipped: PRICES.s3Get,
};

const BAD = {
  NotAnImage: async () => Buffer.from('no image'),
  TruncatedImage: async () => (await tinyImage('png')).subarray(0, 60),
};

describe.each<[Kind, number]>([
  ['directories', 30],
  ['S3', 10],
])('on %s', (kind, numRuns) => {
  let places: Places;
  let folders = 0;
  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(() => places.close());

  async function put(keys: readonly ('good' | keyof typeof BAD)[]) {
    const folder = `watched-${++folders}`;
    await Promise.all(
      keys.map(async (what, index) =>
        places.put(
          `${folder}/${String(index).padStart(3, '0')}.jpg`,
          what === 'good' ? await tinyImage() : await BAD[what](),
        ),
      ),
    );
    return within(places, folder);
  }

  const run = fc.record({
    keys: fc.array(fc.constantFrom<'good' | keyof typeof BAD>('good', 'good', 'NotAnImage', 'TruncatedImage'), {
      minLength: 1,
      maxLength: 40,
    }),
    breaker: fc.record({ keys: fc.integer({ min: 1, max: 10 }), percentage: fc.constantFrom(0, 25, 50, 90) }),
    itemsPerInvocation: fc.integer({ min: 1, max: 3 }),
    maxConcurrency: fc.integer({ min: 1, max: 5 }),
  });

  test('a breaker stops at the key that trips it: only what had begun is finished', async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ keys, breaker, itemsPerInvocation, maxConcurrency }) => {
        const where = await put(keys);
        const ends: End[] = [];
        const job = {
          ...{ recipe: TINY, itemsPerInvocation, maxConcurrency, breaker },
          toleratedFailurePercentage: 100,
        };
        const around = inOrder(
          () => {},
          (end) => ends.push(end),
        );
        const { summary, code } = await runJob(where, job, { around });
        const { total, failed, pending } = summary.counts;
        expect(summary.check.problems).toEqual([]);
        expect(total).toBe(keys.length);
        const trip = tripAfter(ends, breaker);
        if (trip < 0) {
          expect(summary.status).toBe(failed > 0 ? 'succeededWithFailures' : 'succeeded');
          expect(pending).toBe(0);
          return;
        }
        expect({ status: summary.status, code, error: summary.error }).toEqual({
          ...{ status: 'stoppedByBreaker', code: 2, error: 'Breaker' },
        });
        const named = /failed by (\w+): more than/.exec(summary.cause ?? '')?.[1];
        expect(ends.flatMap((end) => end.failed)).toContain(named);
        expect(ends.length - 1 - trip).toBeLessThan(maxConcurrency);

        // What is left is done by a run that goes on without it.
        const { breaker: _, ...rest } = job;
        const again = await runJob(where, rest);
        expect(again.summary.counts).toMatchObject({ total: keys.length, pending: 0 });
        expect(again.summary.counts.failed).toBe(keys.filter((what) => what !== 'good').length);
      }),
      { numRuns },
    );
  });

  test('a ramp never has more at once than its successes allow, and reaches what the job allows', async () => {
    const ramps = fc.record({
      keys: fc.array(fc.constantFrom<'good' | 'NotAnImage'>('good', 'good', 'good', 'NotAnImage'), {
        minLength: 1,
        maxLength: 40,
      }),
      ramp: fc.record({
        baseConcurrency: fc.integer({ min: 1, max: 4 }),
        incrementFactor: fc.constantFrom(1.1, 1.5, 2, 5),
        numberOfSucceeded: fc.integer({ min: 1, max: 6 }),
      }),
      maxConcurrency: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(ramps, async ({ keys, ramp, maxConcurrency }) => {
        const where = await put(keys);
        let [atOnce, succeeded, most] = [0, 0, 0];
        const around = inOrder(
          () => {
            atOnce += 1;
            most = Math.max(most, atOnce);
            expect(atOnce).toBeLessThanOrEqual(rampedConcurrency({ ...ramp, maxConcurrency }, succeeded));
          },
          ({ failed }) => {
            atOnce -= 1;
            if (failed.length === 0) succeeded += 1;
          },
        );
        const { summary } = await runJob(
          where,
          { recipe: TINY, maxConcurrency, ramp, toleratedFailurePercentage: 100 },
          { around },
        );
        expect(summary.counts).toMatchObject({ total: keys.length, pending: 0, succeeded });
        expect(most).toBeLessThanOrEqual(maxConcurrency);
        expect(most).toBeGreaterThanOrEqual(Math.min(ramp.baseConcurrency, maxConcurrency, keys.length));
      }),
      { numRuns },
    );
  });

  test.skipIf(kind === 'directories')('a cap is never passed, and what it leaves costs the rest', async () => {
    const capped = fc.record({
      keys: fc.array(fc.constantFrom<'good' | 'NotAnImage'>('good', 'good', 'NotAnImage'), {
        minLength: 1,
        maxLength: 20,
      }),
      itemsPerInvocation: fc.integer({ min: 1, max: 3 }),
      maxConcurrency: fc.integer({ min: 1, max: 5 }),
      /** Of what all keys would cost with their outputs. */
      share: fc.double({ min: 0.1, max: 1.5, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(capped, async ({ keys, itemsPerInvocation, maxConcurrency, share }) => {
        const where = await put(keys);
        const job = { recipe: TINY, itemsPerInvocation, maxConcurrency, toleratedFailurePercentage: 100 };
        const maxCost = share * keys.length * (3 * PRICES.s3Get + PRICES.s3Put);
        // Of keys that Prepare can go through itself, it knows before.
        if (share < 0.99)
          await expect(runJob(where, { ...job, maxCost })).rejects.toThrow(/maxCost: expected at least/);
        const { bucket, prefix } = where.source;
        const names = keys.map((_, index) => `${prefix}${String(index).padStart(3, '0')}.jpg`);
        await where.open(bucket).write(`${prefix}keys.csv`, Buffer.from(`key\n${names.join('\n')}\n`), {});
        const manifest = `s3://${bucket}/${prefix}keys.csv`;
        const { summary, rows } = await runJob(where, { ...job, maxCost, manifest });
        const cost = rows.reduce((sum, { status }) => sum + (status === 'pending' ? 0 : PRICE_OF[status]), 0);
        expect(cost).toBeLessThanOrEqual(maxCost * (1 + 1e-9));
        const { pending } = summary.counts;
        if (share >= 1) expect(pending).toBe(0);
        if (pending > 0) expect(summary).toMatchObject({ status: 'stoppedByCap', error: 'MaxCost' });
        expect(summary.check.problems).toEqual([]);
        expect((await runJob(where, { ...job, manifest })).summary.counts.pending).toBe(0);
      }),
      { numRuns },
    );
  });

  test('a deadline in the job ends the run with what has begun', async () => {
    const where = await put(Array.from({ length: 30 }, () => 'good' as const));
    const starts: number[] = [];
    const began = Date.now();
    const { summary, code } = await runJob(
      where,
      { recipe: TINY, maxConcurrency: 2, deadline: '400ms' },
      {
        around: (process) => async (event, context) => {
          starts.push(Date.now() - began);
          await new Promise((resolve) => setTimeout(resolve, 150));
          return await process(event, context);
        },
      },
    );
    expect({ status: summary.status, code }).toEqual({ status: 'stoppedByDeadline', code: 2 });
    expect(summary.counts.pending).toBeGreaterThan(0);
    expect(summary.check.problems).toEqual([]);
    expect(starts.length).toBeLessThan(30);
    expect(summary.counts.succeeded).toBeLessThanOrEqual(starts.length);
  });
});
