// The course of an attempt: every child's keys and time are in it once, however long the attempt was.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createTimeline } from '../../../lambda/report/timeline.ts';

const child = fc.record({
  at: fc.integer({ min: 0, max: 30 * 86_400_000 }),
  took: fc.integer({ min: 0, max: 600_000 }),
  keys: fc.integer({ min: 0, max: 50 }),
  failed: fc.integer({ min: 0, max: 5 }),
});
const iso = (at: number) => new Date(1_800_000_000_000 + at).toISOString();
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

it('holds all keys, failures and busy time, in at most 240 steps', () => {
  fc.assert(
    fc.property(fc.array(child, { minLength: 1, maxLength: 60 }), (children) => {
      const timeline = createTimeline();
      for (const { at, took, keys, failed } of children) timeline.add(iso(at), iso(at + took), keys, failed);
      const course = timeline.result();
      if (course === undefined) throw new Error('expected a course');
      expect(course.keys.length).toBeLessThanOrEqual(240);
      expect(sum(course.keys)).toBe(sum(children.map(({ keys }) => keys)));
      expect(sum(course.failed)).toBe(sum(children.map(({ failed }) => failed)));
      const busy = sum(children.map(({ took }) => took));
      // Rounded to a tenth of a child per step.
      expect(Math.abs(sum(course.inFlight) * course.step - busy)).toBeLessThanOrEqual(
        0.05 * course.step * course.keys.length + 1,
      );
      const [first, last] = [
        Math.min(...children.map(({ at }) => at)),
        Math.max(...children.map(({ at, took }) => at + took)),
      ];
      expect(Date.parse(course.from)).toBeLessThanOrEqual(Date.parse(iso(first)));
      expect(Date.parse(course.from) + course.step * course.keys.length).toBeGreaterThan(Date.parse(iso(last)) - 1);
    }),
  );
});

it('says where keys ended, and is undefined without a time', () => {
  const timeline = createTimeline();
  expect(timeline.result()).toBeUndefined();
  timeline.add('no time', 'at all', 1, 1);
  expect(timeline.result()).toBeUndefined();
  timeline.add('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.100Z', 1, 0);
  timeline.add('2026-01-01T00:00:00.050Z', '2026-01-01T00:00:00.060Z', 2, 1);
  expect(timeline.result()).toEqual({
    from: '2026-01-01T00:00:00.000Z',
    step: 50,
    keys: [0, 2, 1],
    failed: [0, 1, 0],
    inFlight: [1, 1.2, 0],
  });
});
