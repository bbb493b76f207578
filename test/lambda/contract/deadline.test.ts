// The deadline: calls back once when the running time is over, stands while it is paused, keeps no finished process waiting.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Deadline } from '../../../lambda/contract/deadline.ts';

const MODULE = new URL('../../../lambda/contract/deadline.ts', import.meta.url).href;

function counting(milliseconds: number) {
  const started = performance.now();
  const calls: number[] = [];
  const deadline = new Deadline(milliseconds, () => calls.push(performance.now() - started));
  return { calls, deadline };
}

/** Waits until it is so: a busy machine may be late, but is never early. */
async function until(condition: () => boolean): Promise<void> {
  for (let time = 0; time < 500 && !condition(); time++) await sleep(10);
}

it('calls back once, and only when its time is over', async () => {
  const { calls, deadline } = counting(40);
  expect(deadline.expired).toBe(false);
  await until(() => deadline.expired);
  deadline.resume();
  await sleep(60);
  expect(calls).toHaveLength(1);
  expect(calls[0]).toBeGreaterThanOrEqual(40);
});

it('stands while it is paused, however often', async () => {
  const { calls, deadline } = counting(1000);
  for (let time = 0; time < 5; time++) {
    deadline.pause();
    deadline.pause();
    await sleep(250);
    deadline.resume();
    deadline.resume();
    await sleep(1);
  }
  await until(() => deadline.expired);
  expect(calls).toHaveLength(1);
  expect(calls[0]).toBeGreaterThanOrEqual(2250);
});

it('never calls back once it is disposed', async () => {
  const { calls, deadline } = counting(20);
  deadline[Symbol.dispose]();
  deadline.resume();
  await sleep(60);
  expect([calls.length, deadline.expired]).toEqual([0, false]);
});

it('is one of many, each with its own end, in whatever order they come and go', async () => {
  const all = [90, 30, 60, 0, 120].map((milliseconds) => ({ milliseconds, ...counting(milliseconds) }));
  const [first, second, disposed, ...others] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
  disposed.deadline[Symbol.dispose]();
  const rest = [first, second, ...others];
  await until(() => rest.every(({ deadline }) => deadline.expired));
  for (const { milliseconds, calls } of rest) {
    expect(calls).toHaveLength(1);
    expect(calls[0]).toBeGreaterThanOrEqual(milliseconds);
  }
  expect(disposed.calls).toEqual([]);
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
