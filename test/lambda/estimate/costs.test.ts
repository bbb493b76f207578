// The formula of what a run costs: the same for what a plan tells and for what a ledger counted.
import { describe, expect, it } from 'vitest';
import {
  billedChildSeconds,
  costOf,
  costs,
  secondsOf,
  tracesOf,
  type Usage,
  usageOf,
} from '../../../lambda/estimate/costs.ts';
import { DEFAULT_REGION, PRICED_REGIONS, PRICES, pricesOf } from '../../../lambda/estimate/prices.ts';

const SHAPE = { images: 1_000_000, milliseconds: 1500, outputs: 13 };

describe('costs', () => {
  it('are the price of the usage of a shape, whoever counted that', () => {
    const usage = usageOf(SHAPE);
    expect(costs(SHAPE)).toEqual(costOf(usage));
    // By hand, from the price pages: invocations, GB-seconds, children, their tenths of seconds, requests.
    expect(usage).toMatchObject({ invocations: 1e6, children: 1e6, gets: 15e6, puts: 13e6, lists: 1000 });
    expect(costOf(usage).lambda).toBeCloseTo(0.2 + 1.5e6 * (1769 / 1024) * 0.0000133334, 6);
    expect(costOf(usage).stepFunctions).toBeCloseTo(1 + 1.5e6 * 0.0625 * 0.00001667 + 7 * 0.000025, 6);
    expect(costOf(usage).s3).toBeCloseTo(15 * 0.4 + 13 * 5 + 0.005, 6);
  });

  it('counts every component once', () => {
    const none: Usage = {
      ...{ invocations: 0, gigabyteSeconds: 0, children: 0, childGigabyteSeconds: 0, transitions: 0 },
      ...{ gets: 0, puts: 0, lists: 0, logBytes: 0 },
      ...{ traces: 0, metricHours: 0, kmsRequests: 0, s3Events: 0, publishes: 0 },
    };
    expect(costOf(none).total).toBe(0);
    for (const field of Object.keys(none) as (keyof Usage)[]) {
      const { total, ...parts } = costOf({ ...none, [field]: 1e9 });
      expect(Object.values(parts).filter((part) => part > 0)).toEqual([total]);
    }
  });

  it('bills more for tries that were made again, cold starts and waiting', () => {
    const { total } = costs(SHAPE);
    expect(costs({ ...SHAPE, retried: 0.1 }).total).toBeGreaterThan(total);
    expect(costs({ ...SHAPE, coldStarts: { count: 1000, seconds: 1 } }).lambda - costs(SHAPE).lambda).toBeCloseTo(
      1000 * (1769 / 1024) * 0.0000133334,
      6,
    );
    expect(costs({ ...SHAPE, waitedSeconds: 1e6 }).stepFunctions).toBeGreaterThan(costs(SHAPE).stepFunctions);
  });

  it.each([
    [0, 0],
    [0.3, 0.3],
    [0.1 + 0.2, 0.3],
    [0.31, 0.4],
    [1.5, 1.5],
  ])('bills a child of %s s as %s s', (seconds, billed) => {
    expect(billedChildSeconds(seconds)).toBe(billed);
  });

  it('knows x86_64', () => {
    const usage = usageOf(SHAPE);
    expect(costOf(usage, PRICES, 'x86_64').lambda / costOf(usage).lambda).toBeCloseTo(1.24, 1);
  });
});

describe('prices', () => {
  it('has each Region whole, and tells when one stands in for another', () => {
    for (const region of PRICED_REGIONS) {
      const { prices, standInFor } = pricesOf(region);
      expect(standInFor).toBeUndefined();
      expect(Object.values(prices).every((price) => price > 0)).toBe(true);
    }
    expect(pricesOf('mars-north-1')).toEqual({ region: DEFAULT_REGION, prices: PRICES, standInFor: 'mars-north-1' });
    expect(pricesOf('constructor').standInFor).toBe('constructor');
  });
});

describe('the duration', () => {
  it.each([
    [{ images: 1_000_000, milliseconds: 1500, outputs: 13 }, 15_000],
    // No more than a thousand children start in a second.
    [{ images: 1_000_000, milliseconds: 10, outputs: 1 }, 1000],
    [{ images: 1_000_000, milliseconds: 10, outputs: 1, itemsPerInvocation: 10 }, 100],
    [{ images: 1_000_000, milliseconds: 1500, outputs: 13, maxConcurrency: 1000 }, 1500],
  ])('of %j is %i s', (shape, seconds) => {
    expect(secondsOf(shape)).toBe(seconds);
  });
});

it('traces are one a second and a twentieth of the others', () => {
  expect(tracesOf(1_000_000, 15_000)).toBe(15_000 + 985_000 * 0.05);
  expect(tracesOf(10, 100)).toBe(10);
});

it('KMS and the events of uploads cost where they are', () => {
  expect(costs(SHAPE)).toMatchObject({ kms: 0, eventBridge: 0 });
  expect(costs({ ...SHAPE, kms: true }).kms).toBeCloseTo(14 * 3, 6);
  expect(costs({ ...SHAPE, uploads: true }).eventBridge).toBeCloseTo(1, 6);
});
