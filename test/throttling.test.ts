// Throttled invocations never count as failures: the real definition on the engine, with a function that has few environments.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HELD, starve } from '../bench/throttling.ts';
import { endOfChild, TIMES } from '../lambda/handlers/runtime.ts';
import { parseJob } from '../lambda/job/job.ts';
import type { PreparedState, ProcessEvent } from '../lambda/job/prepared.ts';
import { startExecution } from '../lib/local/execution.ts';
import type { Json, Retrier, State, TaskState } from '../lib/states-language.ts';
import { THROTTLED, TIMEOUTS, workflow } from '../lib/workflow.ts';
import { named, temporaryPlace } from './local/helpers/map.ts';

const FUNCTIONS = { prepare: 'arn:p', process: 'arn:i', processLarge: 'arn:l', summarize: 'arn:s' };

describe('with 10 environments and 100 children in flight', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    [0.2, 1500],
    [1.5, 600],
    [5, 400],
  ])('no key fails for throttling at %d s an image', { timeout: 120_000 }, async (seconds, count) => {
    const ended = await throttledRun(seconds, count);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', failed: 0, succeeded: count });
    // Else nothing was shown.
    expect(ended.throttled).toBeGreaterThan(count / 10);
  });

  it('a child that is throttled for all its five minutes times out, which no Catch inside it sees', async () => {
    const ended = await throttledRun(1, 5, 0);
    // Neither the large function nor a failure of the Task: facts/distributed-map.md, additions.
    expect(ended).toMatchObject({ status: 'SUCCEEDED', succeeded: 0, failed: 5, timedOut: 5 });
  });
});

it.each(HELD)('the simulation holds the same: $environments environments, $inFlight in flight, $seconds s', (row) => {
  expect(starve(row).failed).toBe(0);
});

it('the simulation does tell a schedule that lets children starve: ten attempts, as there once were', () => {
  const ten: Retrier = {
    ErrorEquals: [THROTTLED],
    IntervalSeconds: 1,
    BackoffRate: 2,
    MaxAttempts: 10,
    MaxDelaySeconds: 20,
  };
  expect(starve({ environments: 10, inFlight: 100, seconds: 1.5, keys: 1500 }, [ten]).failed).toBeGreaterThan(0);
  expect(starve({ environments: 50, inFlight: 100, seconds: 1.5, keys: 20_000 }, [ten]).failed).toBeGreaterThan(0);
});

describe('the five minutes of a child', () => {
  const children = Object.values(workflow({ functions: FUNCTIONS }).States).flatMap((state) =>
    state.Type === 'Map' ? [state.ItemProcessor] : [],
  );
  const longest = ({ IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3, MaxDelaySeconds = Infinity }: Retrier) =>
    Array.from({ length: MaxAttempts }, (_, n) => Math.min(IntervalSeconds * BackoffRate ** n, MaxDelaySeconds)).reduce(
      (sum, wait) => sum + wait,
      0,
    );
  const transientWaits = ({ Retry = [] }: TaskState) =>
    Retry.filter(({ ErrorEquals }) => !ErrorEquals.includes(THROTTLED)).reduce((sum, one) => sum + longest(one), 0);

  it('hold every Task at its longest and every wait between attempts', () => {
    expect(children.length).toBeGreaterThan(0);
    for (const { StartAt, States } of children) {
      let seconds = 0;
      // Throttled children take the state for those; it has the same time and waits as the first one, not more of them.
      for (const [name, state] of Object.entries(States) as [string, State & TaskState][]) {
        if (name !== StartAt && state.Resource === FUNCTIONS.process) continue;
        seconds += (state.TimeoutSeconds ?? Infinity) + transientWaits(state);
      }
      expect(seconds).toBeLessThan(TIMEOUTS.child);
    }
  });

  it('hold the longest wait of the table and the time that a key has by default', () => {
    const [, , wait] = starve({ environments: 10, inFlight: 100, seconds: 5, keys: 3000 }).waits;
    expect(wait + parseJob({}).limits.milliseconds / 1000 + TIMES.answer / 1000).toBeLessThan(TIMEOUTS.child);
  });

  it('are the bound of the function too, whatever was waited before it began', () => {
    const started = '2026-01-01T00:00:00.000Z';
    expect(endOfChild(started).latest).toBe(Date.parse(started) + TIMEOUTS.child * 1000);
    expect(endOfChild(undefined).latest).toBe(Number.POSITIVE_INFINITY);
    for (const { States } of children) {
      for (const state of Object.values(States))
        expect(state).toHaveProperty(['Parameters', 'childStarted.$'], '$$.Execution.StartTime');
    }
  });

  it('bound the retries of throttling, and no number of attempts does', () => {
    for (const { StartAt, States } of children) {
      for (let name: string | undefined = StartAt; name !== undefined; ) {
        const state = States[name] as TaskState;
        const retrier = state.Retry?.find(({ ErrorEquals }) => ErrorEquals.includes(THROTTLED)) as Retrier;
        const next: string | undefined = state.Catch?.find(({ ErrorEquals }) => ErrorEquals.includes(THROTTLED))?.Next;
        if (next === undefined) expect(longest(retrier)).toBeGreaterThan(10 * TIMEOUTS.child);
        name = next;
      }
    }
  });
});

/** Runs keys through the definition with a function of 10 environments, in virtual time. */
async function throttledRun(seconds: number, count: number, environments = 10) {
  await using place = await temporaryPlace();
  let busy = 0;
  let throttled = 0;
  const process = async ({ Items }: ProcessEvent): Promise<unknown> => {
    if (busy >= environments) {
      throttled++;
      throw named(THROTTLED, 'Rate Exceeded.');
    }
    busy++;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (0.7 + 0.6 * Math.random())));
    busy--;
    return { outcomes: Items.map(({ index, item }) => ({ status: 'skipped', index, key: item, reason: 'upToDate' })) };
  };
  const prepared: PreparedState = {
    canary: { kind: 'NONE' },
    reader: { kind: 'KEYS' },
    keys: Array.from({ length: count }, (_, n) => `${n}.jpg`),
    maxConcurrency: 100,
    toleratedFailureCount: count,
    toleratedFailurePercentage: 100,
    itemsPerInvocation: 1,
    run: { bucket: place.bucket, key: 'job.json' },
    results: { bucket: place.bucket, prefix: 'results' },
  };
  const execution = startExecution({
    definition: workflow({ functions: FUNCTIONS }),
    input: {},
    name: 'run',
    openStore: place.stores.open,
    handlers: {
      [FUNCTIONS.prepare]: async () => prepared,
      [FUNCTIONS.process]: (event) => process(event as ProcessEvent),
      [FUNCTIONS.processLarge]: (event) => process(event as ProcessEvent),
      [FUNCTIONS.summarize]: async () => ({}) satisfies Json,
    },
  });
  let over = false;
  const result = execution.result.finally(() => {
    over = true;
  });
  while (!over) {
    // What is real, the disk, gets its turn between two moments of virtual time.
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(25);
  }
  const { status, mapRun, error, cause } = await result;
  const { succeeded, failed, timedOut } = mapRun?.itemCounts ?? { succeeded: -1, failed: -1, timedOut: -1 };
  return { status, error, cause, throttled, succeeded, failed: failed + timedOut, timedOut };
}
