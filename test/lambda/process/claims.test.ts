// Who comes second to an output key waits for the first, whose end alone tells what it left there.
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createClaims } from '../../../lambda/process/claims.ts';

test('a key is held by one turn at a time, and handed on in the end', async () => {
  const claims = createClaims();
  const one = claims.turn('s3://in/a.jpg', 'out');
  const other = claims.turn('s3://in/a.png', 'out');
  const order: string[] = [];
  expect(one.take(['a.webp', 'b.webp'])).toBeUndefined();
  expect(one.take(['b.webp', 'c.webp'])).toBeUndefined();
  const waiting = other.take(['c.webp'])?.then(() => order.push('taken'));
  await setImmediate();
  order.push('released');
  one.release();
  await waiting;
  expect(order).toEqual(['released', 'taken']);
});

test('the same keys of another bucket are other keys', () => {
  const claims = createClaims();
  claims.turn('a', 'one').take(['k']);
  expect(claims.turn('b', 'other').take(['k'])).toBeUndefined();
});

test('a source that stands in the input twice has two turns, one after the other', async () => {
  const claims = createClaims();
  const first = claims.turn('s3://in/a.jpg', 'out');
  const second = claims.turn('s3://in/a.jpg', 'out');
  first.take(['k']);
  const waiting = second.take(['k']);
  expect(waiting).toBeInstanceOf(Promise);
  first.release();
  await waiting;
  expect(first.take(['k'])).toBeInstanceOf(Promise);
  second.release();
});

test('two that wait for each other are a collision, not a wait for ever', async () => {
  const claims = createClaims();
  const one = claims.turn('one', 'out');
  const other = claims.turn('other', 'out');
  one.take(['a']);
  other.take(['b']);
  const waiting = one.take(['b']);
  await expect(other.take(['a'])).rejects.toThrow(expect.objectContaining({ name: 'OutputCollision' }));
  other.release();
  await waiting;
});
