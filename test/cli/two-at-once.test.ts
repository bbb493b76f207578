// Two processes at once: one run has one holder, and two runs with two recipes do not mix their outputs.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { summarySchema } from '../../lambda/report/summary.ts';
import { outputsIn, run, type Started, start, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

/** A recipe whose output has the key that the other's has, of another size. */
async function recipe(name: string, width: number): Promise<string> {
  const file = join(await place.folder(name), 'recipe.json');
  const output = { name: 'one', key: '{dir}{name}.webp', resize: { width } };
  await writeFile(file, JSON.stringify({ format: 'webp', outputs: [output] }));
  return file;
}

/** Waits for the first output; a run that ends before has failed. */
async function atWork({ ended }: Started, destination: string): Promise<void> {
  const early = ended.then(({ stderr }) => {
    throw new Error(`ended before its first output: ${stderr}`);
  });
  early.catch(() => {});
  const first = async () => {
    while ((await outputsIn(destination)).length === 0) await sleep(20);
  };
  await Promise.race([first(), early]);
}

test('a run that is at work is not carried on by a second process, which is told by whom; a killed one is, at once', async () => {
  const source = await place.images('live', 200);
  const destination = await place.folder('live-out');
  const one = await recipe('live-recipe', 600);
  const running = start('run', source, destination, '--recipe', one, '--max-concurrency', '1');
  await atWork(running, destination);
  const second = await run('run', '--resume', 'latest', source, destination);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/RunIsLive: The run is being worked on by process \d+ on .*: kill \d+\)/);
  running.kill('SIGKILL');
  await running.ended;
  const third = await run('run', '--resume', 'latest', source, destination, '--json');
  expect(third).toMatchObject({ code: 0 });
  const { counts, check } = summarySchema.parse(JSON.parse(third.stdout));
  expect({ counts, check }).toMatchObject({ counts: { total: 200, succeeded: 200 }, check: { balanced: true } });
});

test('a run that meets outputs of another live run with another recipe fails there, and names that run', async () => {
  const source = await place.images('mix', 200);
  const destination = await place.folder('mix-out');
  const [one, other] = [await recipe('mix-one', 600), await recipe('mix-other', 300)];
  const running = start('run', source, destination, '--recipe', one, '--max-concurrency', '1', '--json');
  await atWork(running, destination);
  const second = await run('run', source, destination, '--recipe', other, '--max-concurrency', '1');
  running.kill('SIGINT');
  const { run: id } = summarySchema.parse(JSON.parse((await running.ended).stdout));
  expect(second.code).toBe(2);
  expect(second.stderr).toContain(`was made by the run ${id}, which makes it otherwise and is still at work`);
  // Once the first has ended, its outputs are an earlier run's as any.
  expect((await run('run', source, destination, '--recipe', other)).code).toBe(0);
});
