// The guard on AWS, over a Map Run of which time is simulated: how soon it stops, what it lets grow, and when it is over.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Guards } from '../../../lambda/contract/guards.ts';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import { PRICES } from '../../../lambda/estimate/prices.ts';
import { createNotes, type Note } from '../../../lambda/guard/notes.ts';
import { rampedConcurrency } from '../../../lambda/guard/ramp.ts';
import { LOOK_EVERY, type Watched, type Watching, watch } from '../../../lambda/guard/watch.ts';

const BEGUN = Date.parse('2026-01-01T00:00:00Z');
const ARN = 'arn:aws:states:eu-central-1:123456789012:mapRun:Fanout/Listed:1';
const MEMORY = 1769;
const OUTPUTS = 3;

interface Run {
  readonly guards: Guards;
  readonly keys: number;
  /** Seconds that a key takes. */
  readonly seconds?: number;
  readonly maxConcurrency?: number;
  /** By which class the n-th key fails; `silent`: without a note. */
  readonly fails?: (key: number) => string | undefined;
  readonly silent?: boolean;
  /** Seconds of one invocation of the guard. */
  readonly invocation?: number;
  readonly upToDate?: boolean;
  /** Told of each look's time; may change the run. */
  readonly onTick?: (seconds: number, service: { maxConcurrency: number }) => void;
}

/** A Map Run that starts and ends keys as time goes by, an environment per place, and its guard, called as its state machine does. */
async function simulate(run: Run) {
  const { guards, keys, seconds = 1, fails = () => undefined, silent = false, invocation = 840 } = run;
  let now = BEGUN;
  const service = {
    maxConcurrency: guards.ramp === undefined ? (run.maxConcurrency ?? 10) : rampedConcurrency(guards.ramp, 0),
  };
  let [started, succeeded, failed] = [0, 0, 0];
  let running: { readonly end: number; readonly key: number; readonly place: number }[] = [];
  let stopped: { error: string; cause: string; at: number; started: number } | undefined;
  const levels: number[] = [];
  const written = new Map<number, Note>();
  let writes = 0;
  const environments = new Map<number, ReturnType<typeof createNotes>>();
  const environment = (place: number) => {
    const known =
      environments.get(place) ??
      createNotes({
        now: () => now,
        write: async (_, note) => {
          writes += 1;
          written.set(place, structuredClone(note));
        },
      });
    environments.set(place, known);
    return known;
  };
  const noted = {
    run: 'r',
    ...(guards.breaker && { breaker: guards.breaker }),
    capped: guards.maxCost !== undefined,
    maxConcurrency: run.maxConcurrency ?? 10,
  };

  async function step(): Promise<void> {
    for (const { key, place } of running.filter(({ end }) => end <= now)) {
      const error = fails(key);
      if (error === undefined) succeeded += 1;
      else failed += 1;
      if (error !== undefined && silent) continue;
      const notes = environment(place);
      notes.add(noted, outcomeOf(key, error, run.upToDate === true));
      await notes.flush();
    }
    running = running.filter(({ end }) => end > now);
    const taken = new Set(running.map(({ place }) => place));
    for (let place = 0; stopped === undefined && started < keys && running.length < service.maxConcurrency; place++) {
      if (taken.has(place)) continue;
      running.push({ end: now + seconds * 1000, key: started++, place });
    }
  }

  async function sleep(milliseconds: number): Promise<void> {
    const until = now + milliseconds;
    while (now < until) {
      now = Math.min(until, now + 100);
      await step();
    }
  }

  const isOver = () => stopped !== undefined || (started === keys && running.length === 0);
  await step();
  let event: Watching = { execution: 'arn:execution:monday', since: new Date(BEGUN).toISOString() };
  let looks = 0;
  let invocations = 0;
  for (;;) {
    invocations += 1;
    const watched: Watched = await watch(
      JSON.parse(JSON.stringify(event)),
      {
        guards,
        outputs: OUTPUTS,
        deployed: { memory: MEMORY, architecture: 'arm64', prices: PRICES },
        now: () => now,
        sleep,
        mapRun: async () => ARN,
        isRunning: async () => !isOver(),
        notes: async () => [...written.values()],
        describe: async () => {
          looks += 1;
          run.onTick?.((now - BEGUN) / 1000, service);
          return {
            running: !isOver(),
            succeeded: stopped === undefined && isOver(),
            maxConcurrency: service.maxConcurrency,
            items: { succeeded, failed, running: running.length },
            children: { started, running: running.length },
          };
        },
        update: async (_, maxConcurrency) => {
          levels.push(maxConcurrency);
          service.maxConcurrency = maxConcurrency;
        },
        stop: async (error, cause) => {
          stopped = { error, cause, at: now, started };
        },
      },
      now + invocation * 1000,
    );
    if (watched.state === 'OVER') break;
    event = watched;
  }
  await sleep(seconds * 1000 + 100);
  return { stopped, started, succeeded, failed, levels, looks, invocations, writes, took: (now - BEGUN) / 1000 };
}

function outcomeOf(index: number, error: string | undefined, upToDate: boolean): Outcome {
  const key = `${index}.jpg`;
  if (error !== undefined) return { status: 'failed', index, key, error, message: 'no' };
  if (upToDate) return { status: 'skipped', index, key, reason: 'upToDate' };
  return {
    ...{ status: 'succeeded', index, key, outputs: [], notListed: { written: OUTPUTS, upToDate: 0, bytes: 1 } },
    ...{ source: { etag: '', bytes: 1 }, ms: { read: 0, transform: 0, write: 0, total: 0 } },
  };
}

describe('the breaker', () => {
  const breaker = { keys: 50, percentage: 50 };

  test('stops within two looks of the keys that trip it, whatever the run was before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0.3, 1, 4),
        fc.constantFrom(15, 60, 840),
        async (from, maxConcurrency, seconds, invocation) => {
          // One in thirty fails all the time, which is tolerated.
          const fails = (key: number) => (key >= from ? 'AccessDenied' : key % 30 === 7 ? 'NotAnImage' : undefined);
          const keys = from + 60_000;
          const { stopped } = await simulate({ guards: { breaker }, keys, maxConcurrency, seconds, fails, invocation });
          expect(stopped).toMatchObject({ error: 'Breaker', cause: expect.stringContaining('AccessDenied') });
          const perSecond = maxConcurrency / seconds;
          // Half of the last 50 keys, or of those of one look, if these are more; then one look, and what runs.
          const window = Math.max(breaker.keys, (perSecond * LOOK_EVERY) / 1000);
          const most = from + window + (2 * perSecond * LOOK_EVERY) / 1000 + maxConcurrency;
          expect(stopped?.started).toBeLessThanOrEqual(Math.ceil(most));
          expect(stopped?.started).toBeGreaterThan(from + breaker.keys / 2);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('lets a run go on whose failures stay below the share, or are of several classes, and writes hardly a note', async () => {
    const guards = { breaker };
    const few = await simulate({ guards, keys: 20_000, fails: (key) => (key % 33 === 5 ? 'NotAnImage' : undefined) });
    expect(few.stopped).toBeUndefined();
    expect(few.writes).toBeLessThan(20);
    const mixed = await simulate({ guards, keys: 3000, fails: (key) => ['A', 'B', 'C'][key % 3] });
    expect(mixed.stopped).toBeUndefined();
    expect(mixed.failed).toBe(3000);
  });

  it('stops for functions that end without an answer, which can note nothing', async () => {
    const { stopped } = await simulate({
      guards: { breaker },
      keys: 20_000,
      fails: () => 'out of memory',
      silent: true,
    });
    expect(stopped).toMatchObject({ error: 'Breaker', cause: expect.stringContaining('Lambda.Unknown') });
    expect(stopped?.started).toBeLessThan(400);
  });
});

describe('the ramp', () => {
  const ramp = { baseConcurrency: 2, incrementFactor: 2, numberOfSucceeded: 100, maxConcurrency: 50 };

  it('lets the run grow as keys succeed, up to what the job allows', async () => {
    const { levels } = await simulate({ guards: { ramp }, keys: 20_000, invocation: 60 });
    expect(levels.at(-1)).toBe(50);
    expect(levels).toEqual([...new Set(levels)].sort((a, b) => a - b));
  });

  it('does not grow while keys fail', async () => {
    const { levels } = await simulate({ guards: { ramp }, keys: 300, fails: () => 'NotAnImage' });
    expect(levels).toEqual([]);
  });

  it('leaves alone what a person has set', async () => {
    const onTick: Run['onTick'] = (seconds, service) => {
      if (seconds > 100 && seconds <= 105) service.maxConcurrency = 3;
    };
    const { levels, took } = await simulate({ guards: { ramp }, keys: 3000, onTick });
    expect(Math.max(...levels)).toBeLessThan(50);
    expect(took).toBeGreaterThan(500);
  });
});

describe('the cap', () => {
  /** What the run really costs: Lambda and Step Functions by the second, S3 by the request. */
  const cost = (children: number, seconds: number, made: number): number =>
    children *
      (PRICES.lambdaRequest + PRICES.expressRequest + (1500 / 1e9) * PRICES.logGigabyte + PRICES.s3List / 1000) +
    children * seconds * ((MEMORY / 1024) * PRICES.lambdaGigabyteSecond + PRICES.expressGigabyteSecond / 16) +
    made * ((2 + OUTPUTS) * PRICES.s3Get + OUTPUTS * PRICES.s3Put);

  test('stops a run before it has cost more, and not long before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0.5, 1, 3),
        fc.integer({ min: 2000, max: 20_000 }),
        fc.constantFrom(30, 840),
        async (maxConcurrency, seconds, affordable, invocation) => {
          const maxCost = cost(affordable, seconds, affordable);
          const keys = affordable * 3;
          const { stopped, started } = await simulate({
            guards: { maxCost },
            keys,
            maxConcurrency,
            seconds,
            invocation,
          });
          expect(stopped).toMatchObject({ error: 'MaxCost' });
          const all = cost(started, seconds, started);
          expect(all).toBeLessThanOrEqual(maxCost * 1.02);
          // It stops when the next look would be too late: what is done between two looks, and what runs, may be left.
          const perLook = (maxConcurrency / seconds) * (LOOK_EVERY / 1000) + maxConcurrency;
          expect(all).toBeGreaterThan(maxCost * (1 - Math.max(0.15, perLook / affordable)));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('knows what is up to date from what is made: that costs a look each', async () => {
    const maxCost = cost(10_000, 0.1, 0) * 1.3;
    const { stopped, succeeded, writes } = await simulate({
      ...{ guards: { maxCost }, keys: 10_000, seconds: 0.1, maxConcurrency: 10, upToDate: true },
    });
    expect(stopped).toBeUndefined();
    expect(succeeded).toBe(10_000);
    expect(writes).toBeLessThan(25);
  });
});

describe('the deadline', () => {
  it('stops the run at its moment, between two looks, and across invocations', async () => {
    const { stopped, invocations } = await simulate({ guards: { deadline: 93_000 }, keys: 10_000, invocation: 30 });
    expect(stopped).toMatchObject({ error: 'Deadline', at: BEGUN + 93_000 });
    expect(invocations).toBeGreaterThan(2);
  });

  it('is none for a run that ends before', async () => {
    const { stopped, took } = await simulate({ guards: { deadline: 3_600_000 }, keys: 100 });
    expect(stopped).toBeUndefined();
    expect(took).toBeLessThan(60);
  });
});

it('is over at once where nothing is guarded', async () => {
  const { looks } = await simulate({ guards: {}, keys: 100 });
  expect(looks).toBe(0);
});
