// The deadline: calls back once when the running time is over, stands while it is paused, keeps no finished process waiting.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Deadline } from '../../lambda/deadline.ts';

const MODULE = new URL('../../lambda/deadline.ts', import.meta.url).href;

function counting(milliseconds: number) {
  const calls = { count: 0 };
  const deadline = new Deadline(milliseconds, () => {
    calls.count += 1;
  });
  return { calls, deadline };
}

it('calls back once, and only when its time is over', async () => {
  const { calls, deadline } = counting(40);
  await sleep(10);
  expect([calls.count, deadline.expired]).toEqual([0, false]);
  await sleep(80);
  deadline.resume();
  await sleep(20);
  expect([calls.count, deadline.expired]).toEqual([1, true]);
});

it('stands while it is paused, however often', async () => {
  const { calls, deadline } = counting(120);
  for (let time = 0; time < 5; time++) {
    deadline.pause();
    deadline.pause();
    await sleep(60);
    deadline.resume();
    deadline.resume();
    await sleep(1);
  }
  expect(calls.count).toBe(0);
  await sleep(250);
  expect(calls.count).toBe(1);
});

it('never calls back once it is disposed', async () => {
  const { calls, deadline } = counting(20);
  deadline[Symbol.dispose]();
  deadline.resume();
  await sleep(60);
  expect([calls.count, deadline.expired]).toEqual([0, false]);
});

it('is one of many, each with its own end, in whatever order they come and go', async () => {
  const ended: number[] = [];
  const deadlines = [90, 30, 60, 0, 120].map(
    (milliseconds) => new Deadline(milliseconds, () => ended.push(milliseconds)),
  );
  deadlines[2]?.[Symbol.dispose]();
  await sleep(250);
  expect(ended).toEqual([0, 30, 90, 120]);
});

it('keeps a process alive while its time runs, and no longer', () => {
  const script = (then: string) => `
    const { Deadline } = await import(${JSON.stringify(MODULE)});
    const deadline = new Deadline(60_000, () => {});
    const short = new Deadline(50, () => console.log('called'));
    ${then}
    process.on('exit', () => console.log('ended'));`;
  const run = (then: string) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script(then)], { encoding: 'utf8', timeout: 20_000 });
  expect(run('deadline.pause();')).toBe('called\nended\n');
  expect(run('deadline.pause(); short.pause();')).toBe('ended\n');
  const dispose = '[Symbol.dispose]()';
  expect(run(`deadline${dispose}; deadline.resume(); short${dispose};`)).toBe('ended\n');
});
