// The simulation of the service, judged by one of single children, by the embedded engine, and by what must be so.
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { starve } from '../../../bench/throttling.ts';
import { type Load, simulate } from '../../../lambda/estimate/simulate.ts';
import { mapDefinition, start, temporaryPlace } from '../../local/helpers/map.ts';

const IDEAL = { startsPerSecond: 1e9, environments: 1e9, growth: 1e9, coldSeconds: 0, dispatchSeconds: 0 };
const one = (seconds: number): Load['seconds'] => [{ seconds, share: 1 }];
const load = (children: number, seconds: number): Load => ({ children, seconds: one(seconds), reads: 0, writes: 0 });

describe('the simulation', () => {
  it.each([
    { environments: 10, inFlight: 100, seconds: 1.5, keys: 3000 },
    { environments: 10, inFlight: 100, seconds: 5, keys: 3000 },
    { environments: 50, inFlight: 100, seconds: 1.5, keys: 3000 },
    { environments: 100, inFlight: 1000, seconds: 5, keys: 10_000 },
    { environments: 200, inFlight: 100, seconds: 1, keys: 5000 },
    { environments: 1000, inFlight: 1000, seconds: 2, keys: 20_000 },
  ])(
    'agrees with one of single children and their retriers: $environments environments, $inFlight in flight, $seconds s',
    (row) => {
      const { took } = starve(row);
      const { environments, inFlight, seconds, keys } = row;
      const service = { maxConcurrency: inFlight, environments, coldSeconds: 0, growth: 1e9 };
      const simulated = simulate(load(keys, seconds), service).seconds;
      expect(simulated / took).toBeGreaterThan(0.85);
      expect(simulated / took).toBeLessThan(1.15);
    },
  );

  it('takes what the work takes, at least, and what each bound says', () => {
    const counts = fc.record({
      children: fc.integer({ min: 1, max: 1_000_000 }),
      seconds: fc.double({ min: 0.02, max: 20, noNaN: true }),
      maxConcurrency: fc.integer({ min: 1, max: 10_000 }),
      environments: fc.integer({ min: 1, max: 10_000 }),
      writes: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(counts, ({ children, seconds, maxConcurrency, environments, writes }) => {
        const simulated = simulate({ ...load(children, seconds), writes }, { maxConcurrency, environments });
        const width = Math.min(maxConcurrency, environments, children);
        const least = Math.max((children * seconds) / width, (children - 1) / 1000, seconds);
        expect(simulated.seconds).toBeGreaterThan(least * 0.9 - 0.6 - seconds);
        expect(simulated.busySeconds).toBeGreaterThan(children * seconds * 0.95 - seconds);
        expect(simulated.coldStarts).toBeLessThanOrEqual(width + 1);
        expect(simulated.peak).toBeLessThanOrEqual(Math.min(maxConcurrency, children) + 1);
      }),
      { numRuns: 150 },
    );
  });

  it('never gets slower by more concurrency, as long as nothing else is in the way', () => {
    const times = [1, 2, 10, 50, 250, 1000].map(
      (maxConcurrency) => simulate(load(5000, 1), { ...IDEAL, maxConcurrency }).seconds,
    );
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(times[0]).toBeCloseTo(5000, -2);
    expect(times[4]).toBeGreaterThan(20);
    expect(times[4]).toBeLessThan(21);
  });

  it.each([
    ['starts', load(100_000, 0.5), { maxConcurrency: 10_000, environments: 10_000 }],
    ['concurrency', load(100_000, 0.5), { maxConcurrency: 100 }],
    ['environments', load(100_000, 0.5), { maxConcurrency: 100, environments: 10 }],
    ['writes', { ...load(100_000, 1), writes: 13 }, { maxConcurrency: 1000 }],
    ['reads', { ...load(100_000, 1), reads: 20 }, { maxConcurrency: 1000 }],
    ['work', load(10, 5), { maxConcurrency: 100 }],
  ] as const)('names what holds it back: %s', (bottleneck, given, service) => {
    expect(simulate(given, service).bottleneck).toBe(bottleneck);
  });

  it('keeps the rates: 1,000 children a second, 3,500 writes and partition, 1,000 environments each ten seconds', () => {
    const wide = { maxConcurrency: 10_000, environments: 10_000 };
    expect(simulate(load(1_000_000, 0.5), wide).rate).toBeCloseTo(1000, 0);
    const { rate } = simulate({ ...load(1_000_000, 0.5), writes: 14 }, { ...wide, mostPartitions: 1 });
    expect(Math.abs(rate - 250)).toBeLessThan(2.5);
    // 5,000 at once, of a second each: the first thousand environments are there, the others come at a hundred a second.
    const grown = simulate(load(5000, 60), { ...IDEAL, growth: 1000, maxConcurrency: 5000 });
    expect(grown.seconds).toBeGreaterThan(90);
    expect(simulate(load(5000, 60), { ...IDEAL, maxConcurrency: 5000 }).seconds).toBeLessThan(63);
  });

  it('takes as few steps for 10^10 children as for 10^6', () => {
    const { seconds } = simulate(load(1e10, 1.5), { maxConcurrency: 10_000, environments: 10_000 });
    expect(seconds).toBeGreaterThan(1e7);
    expect(seconds).toBeLessThan(1.001e7);
  });

  it('bills for waits for S3, and splits its partitions by and by', () => {
    const row = { ...load(2_000_000, 1), writes: 14 };
    const once = simulate(row, { maxConcurrency: 1000, mostPartitions: 1 });
    const split = simulate(row, { maxConcurrency: 1000 });
    expect(once.s3Seconds).toBeGreaterThan(1e6);
    expect(once.busySeconds).toBeCloseTo(2e6 + once.s3Seconds + once.coldStarts, -4);
    expect(split.seconds).toBeLessThan(once.seconds * 0.7);
  });

  it('makes a share of the invocations again', () => {
    const { seconds, busySeconds } = simulate({ ...load(10_000, 1), retried: 0.1 }, { ...IDEAL, maxConcurrency: 100 });
    expect(busySeconds).toBeGreaterThan(10_900);
    expect(busySeconds).toBeLessThan(11_300);
    expect(seconds).toBeGreaterThan(109);
  });
});

/** Runs the children of a Map Run of the embedded engine on a clock of their own, which goes on when nothing else does. */
async function onVirtualClock(children: number, maxConcurrency: number, secondsOf: (item: number) => number) {
  await using place = await temporaryPlace();
  const working: { readonly end: number; readonly done: () => void }[] = [];
  let [now, most, busy, ended] = [0, 0, 0, false];
  const definition = mapDefinition({ MaxConcurrency: maxConcurrency });
  const items = Array.from({ length: children }, (_, item) => item);
  const { result } = start(place, definition, { items }, async (item) => {
    busy += secondsOf(item as number);
    const { promise, resolve: done } = Promise.withResolvers<void>();
    working.push({ end: now + secondsOf(item as number), done });
    most = Math.max(most, working.length);
    await promise;
    return null;
  });
  const end = result.finally(() => {
    ended = true;
  });
  while (!ended) {
    // Whatever the engine has to start is started in a few turns of the loop.
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    const next = working.toSorted((a, b) => a.end - b.end)[0];
    if (next === undefined) continue;
    now = next.end;
    for (const each of working.filter((one) => one.end === now)) {
      working.splice(working.indexOf(each), 1);
      each.done();
    }
  }
  expect((await end).status).toBe('SUCCEEDED');
  return { seconds: now, peak: most, busySeconds: busy };
}

describe('a run of the embedded engine, on a clock of its own,', () => {
  it.each([
    { children: 60, maxConcurrency: 4, classes: one(1) },
    { children: 45, maxConcurrency: 10, classes: one(0.3) },
    { children: 30, maxConcurrency: 40, classes: one(2) },
    {
      children: 200,
      maxConcurrency: 8,
      classes: [
        { seconds: 0.2, share: 0.5 },
        { seconds: 1, share: 0.4 },
        { seconds: 3, share: 0.1 },
      ],
    },
  ])('takes what the simulation says: $children children, $maxConcurrency at once', async (row) => {
    const { children, maxConcurrency, classes } = row;
    // The classes in turn, in their shares, spread over the whole input.
    const whole = classes.flatMap(({ seconds, share }) => Array(Math.round(share * 10)).fill(seconds) as number[]);
    const secondsOf = (item: number) => whole[(item * 7) % whole.length] ?? 0;
    const real = await onVirtualClock(children, maxConcurrency, secondsOf);
    const simulated = simulate({ children, seconds: classes, reads: 0, writes: 0 }, { ...IDEAL, maxConcurrency });
    expect(simulated.peak).toBe(real.peak);
    expect(simulated.busySeconds / real.busySeconds).toBeCloseTo(1, 1);
    expect(simulated.seconds / real.seconds).toBeGreaterThan(0.9);
    expect(simulated.seconds / real.seconds).toBeLessThan(1.1);
  });
});
