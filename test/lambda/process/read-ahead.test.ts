// Reading ahead: as many sources as the CPU needs, whatever reading takes; nobody waits for ever, and no room is lost.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createReadAhead } from '../../../lambda/process/read-ahead.ts';

/** A small picture: so many of them fit into memory that only times count. */
const SMALL = 100_000;

/** How many of `wanted` may be read at once. */
async function room(
  images: number,
  read: number,
  transform: number,
  wanted = 100,
  bytes: number | undefined = SMALL,
): Promise<number> {
  const ahead = createReadAhead(images);
  if (!Number.isNaN(read)) ahead.took('read', read);
  if (!Number.isNaN(transform)) ahead.took('transform', transform);
  let entered = 0;
  for (let at = 0; at < wanted; at++) {
    void Promise.resolve(ahead.enter(bytes)).then(() => {
      entered += 1;
    });
  }
  await new Promise(setImmediate);
  return entered;
}

it.each([
  { read: Number.NaN, transform: Number.NaN, most: 100, why: 'nothing is known yet' },
  { read: 5, transform: Number.NaN, most: 100, why: 'no image is done yet' },
  { read: 1, transform: 60, most: 4, why: 'reading takes no time: one waits for each image, and one is being read' },
  { read: 100, transform: 60, most: 13, why: 'reading takes longer than the image: the CPU must not wait for it' },
  { read: 10_000, transform: 1, most: 100, why: 'reading is all that takes time' },
  { read: 0, transform: 0, most: 9, why: 'the clock cannot tell' },
])('lets $most of 100 be read at once by 3 images when $why', async ({ read, transform, most }) => {
  expect(await room(3, read, transform)).toBe(most);
});

it('has no bound where the images have none', async () => {
  expect(await room(Number.POSITIVE_INFINITY, 1, 1000)).toBe(100);
});

it('follows what it is told: a network that gets slow is given more', async () => {
  const ahead = createReadAhead(2);
  ahead.took('read', 1);
  ahead.took('transform', 100);
  const entered: number[] = [];
  for (let at = 0; at < 20; at++) void Promise.resolve(ahead.enter(SMALL)).then(() => entered.push(at));
  await new Promise(setImmediate);
  expect(entered).toHaveLength(3);
  for (let time = 0; time < 30; time++) ahead.took('read', 400);
  await new Promise(setImmediate);
  expect(entered.length).toBeGreaterThanOrEqual(17);
});

it('lets everyone in, in order, one after the other leaves', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 }), async (images, count) => {
      const ahead = createReadAhead(images);
      ahead.took('read', 1);
      ahead.took('transform', 50);
      const order: number[] = [];
      let most = 0;
      let inside = 0;
      await Promise.all(
        Array.from({ length: count }, async (_, at) => {
          await ahead.enter(SMALL);
          order.push(at);
          inside += 1;
          most = Math.max(most, inside);
          await new Promise(setImmediate);
          inside -= 1;
          ahead.leave();
        }),
      );
      expect(order).toEqual(Array.from({ length: count }, (_, at) => at));
      expect(most).toBeLessThanOrEqual(images + 1);
    }),
    { numRuns: 30 },
  );
});

const MB = 1024 * 1024;

it('reads no more than fits in memory, also before anything is known', async () => {
  expect(await room(3, Number.NaN, Number.NaN, 200, 20 * MB)).toBe(12);
  expect(await room(3, 10_000, 1, 200, 20 * MB)).toBe(12);
  expect(await room(Number.POSITIVE_INFINITY, 1, 1, 200, 20 * MB)).toBe(12);
});

it('takes a source of unknown size for a large one, until it knows better', async () => {
  const ahead = createReadAhead(Number.POSITIVE_INFINITY);
  expect(ahead.expected()).toBe(8 * MB);
  ahead.took('read', 1, MB);
  expect(ahead.expected()).toBe(MB);
  let entered = 0;
  for (let at = 0; at < 1000; at++) {
    void Promise.resolve(ahead.enter()).then(() => {
      entered += 1;
    });
  }
  await new Promise(setImmediate);
  expect(entered).toBe(256);
});

it('lets a source in that is larger than all memory, alone', async () => {
  const ahead = createReadAhead(3);
  expect(ahead.enter(1000 * MB)).toBeUndefined();
  const second = ahead.enter(1000 * MB);
  expect(second).toBeInstanceOf(Promise);
  ahead.leave();
  ahead.holds(-1000 * MB);
  await second;
});

it('holds no more than fits, whatever sizes come, and lets everyone in', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 120 * MB }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(sizes, async (all) => {
      const ahead = createReadAhead(100);
      let held = 0;
      let most = 0;
      await Promise.all(
        all.map(async (bytes) => {
          await ahead.enter(bytes);
          held += bytes;
          most = Math.max(most, held);
          await new Promise(setImmediate);
          ahead.leave();
          await new Promise(setImmediate);
          held -= bytes;
          ahead.holds(-bytes);
        }),
      );
      expect(most).toBeLessThanOrEqual(256 * MB);
      expect(held).toBe(0);
    }),
    { numRuns: 50 },
  );
});

it('gives room at once or not at all, and never before somebody who waits', () => {
  const ahead = createReadAhead(1, 1000);
  expect(ahead.tryEnter(900)).toBe(true);
  expect(ahead.tryEnter(200)).toBe(false);
  const waiting = ahead.enter(500);
  expect(waiting).toBeInstanceOf(Promise);
  expect(ahead.tryEnter(50)).toBe(false);
  ahead.holds(-900);
  ahead.leave();
  expect(ahead.tryEnter(50)).toBe(true);
});
