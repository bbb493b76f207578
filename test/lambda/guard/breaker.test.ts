// The breaker's arithmetic: which keys are the last ones, and when one class is above the share.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { createLastLooks, tripOf, tripText } from '../../../lambda/guard/breaker.ts';
import { rampedConcurrency } from '../../../lambda/guard/ramp.ts';

const breaker = { keys: 4, percentage: 50 };

describe('the last keys', () => {
  it('are none before there are as many as asked for', () => {
    const last = createLastLooks(4);
    expect(last.add({ at: 1, done: 3, failed: 3 })).toBeUndefined();
    expect(last.add({ at: 2, done: 4, failed: 3 })).toEqual({ since: 0, keys: 4, failed: 3 });
  });

  it('with a look at each key are exactly as many', () => {
    const last = createLastLooks(4);
    const seen = [1, 2, 3, 4, 5, 6, 7].map((done) => last.add({ at: done, done, failed: done > 5 ? 5 : done }));
    expect(seen.at(-1)).toEqual({ since: 3, keys: 4, failed: 2 });
    expect(last.looks).toHaveLength(5);
  });

  test('are those of the fewest looks that hold them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.nat({ max: 9 }), { maxLength: 40 }), (keys, steps) => {
        const last = createLastLooks(keys);
        const dones = [0];
        for (const [index, step] of steps.entries()) {
          const done = (dones.at(-1) as number) + step;
          dones.push(done);
          const start = dones.findLastIndex((earlier) => done - earlier >= keys);
          const found = last.add({ at: index + 1, done, failed: 0 });
          expect(found).toEqual(
            start < 0 ? undefined : { since: start, keys: done - (dones[start] as number), failed: 0 },
          );
        }
      }),
    );
  });

  it('go on from the looks of before', () => {
    const first = createLastLooks(4);
    first.add({ at: 10, done: 3, failed: 1 });
    const second = createLastLooks(4, JSON.parse(JSON.stringify(first.looks)));
    expect(second.add({ at: 20, done: 8, failed: 4 })).toEqual({ since: 10, keys: 5, failed: 3 });
  });
});

describe('the breaker trips', () => {
  const trip = (keys: number, failed: number, byClass: Record<string, number>) =>
    tripOf(breaker, { since: 0, keys, failed }, new Map(Object.entries(byClass)));

  it('above its share, and not at it', () => {
    expect(trip(4, 2, { NotAnImage: 2 })).toBeUndefined();
    expect(trip(4, 3, { NotAnImage: 3 })).toEqual({ error: 'NotAnImage', failed: 3, keys: 4 });
  });

  it('by one class only: two that share the failures do not make one', () => {
    expect(trip(4, 4, { NotAnImage: 2, AccessDenied: 2 })).toBeUndefined();
  });

  it('never by more than have failed in all: what was tried again was told twice', () => {
    expect(trip(4, 1, { Throttled: 5 })).toBeUndefined();
  });

  it('names the class', () => {
    expect(tripText({ error: 'AccessDenied', failed: 3, keys: 4 }, breaker)).toBe(
      'Of the last 4 keys 3 failed by AccessDenied: more than 50 %',
    );
  });
});

it('a ramp grows by its factor after each so many successes, to the concurrency of the job', () => {
  const ramp = { baseConcurrency: 10, incrementFactor: 2, numberOfSucceeded: 100, maxConcurrency: 70 };
  expect([0, 99, 100, 199, 200, 300, 1e9].map((succeeded) => rampedConcurrency(ramp, succeeded))).toEqual([
    10, 10, 20, 20, 40, 70, 70,
  ]);
  expect(rampedConcurrency({ ...ramp, maxConcurrency: 3 }, 0)).toBe(3);
  expect(rampedConcurrency({ ...ramp, baseConcurrency: 1, incrementFactor: 1.1 }, 800)).toBe(2);
});
