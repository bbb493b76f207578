// Nothing is left behind: the first failure is told once all others have ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { together } from '../../../lambda/contract/together.ts';

test('answers in the order of the values', async () => {
  expect(await together([30, 1, 10], (ms, place) => sleep(ms, `${place}:${ms}`))).toEqual(['0:30', '1:1', '2:10']);
});

test('throws the failure that came first, after all have ended', async () => {
  const ended: number[] = [];
  const working = together([20, 5, 40], async (ms) => {
    await sleep(ms);
    ended.push(ms);
    if (ms < 40) throw new Error(`after ${ms}`);
  });
  await expect(working).rejects.toThrow('after 5');
  expect(ended).toEqual([5, 20, 40]);
});

test('takes a failure that is thrown at once like any other, and still starts the rest', async () => {
  const started: string[] = [];
  const working = together(['a', 'b', 'c'], (value) => {
    started.push(value);
    if (value === 'a') throw new Error('at once');
    return sleep(5);
  });
  await expect(working).rejects.toThrow('at once');
  expect(started).toEqual(['a', 'b', 'c']);
});
