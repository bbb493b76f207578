// `prune`, the real program on real files: shows by default, removes when told to, and refuses where it could be a mistake.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outputsIn, run, start, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('shows what is no longer asked for, and removes it with --delete, with an account', async () => {
  const source = await place.images('pruned', 3);
  const destination = `${source}-out`;
  expect((await run('run', source, destination, '--recipe', 'thumbnail', '--quiet')).code).toBe(0);
  await rm(join(source, '0001.jpg'));
  await writeFile(join(destination, 'foreign.webp'), 'by hand');
  const before = await outputsIn(destination);

  for (const options of [[], ['--dry-run']]) {
    const shown = await run('prune', source, destination, '--recipe', 'thumbnail', ...options);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('of 4 objects:\n  1 no longer asked for, ');
    expect(shown.stdout).toContain(': 1 source gone\n    0001-thumbnail.webp (source gone)\n');
    expect(shown.stdout).toContain('3 stay: 1 not made by image-fanout, 2 asked for\n');
    expect(shown.stdout).toContain('Nothing was removed: --delete does it.');
    expect(await outputsIn(destination)).toEqual(before);
  }

  const done = await run('prune', source, destination, '--recipe', 'thumbnail', '--delete', '--json');
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const [one, end, ...more] = jsonLines(done.stdout);
  expect(more).toEqual([]);
  expect(one).toMatchObject({
    key: '0001-thumbnail.webp',
    reason: 'sourceGone',
    result: 'removed',
    source: '0001.jpg',
  });
  expect(end).toMatchObject({ planned: { count: 1 }, removed: { count: 1, keptAfterAll: 0 }, looked: 4 });
  expect(await outputsIn(destination)).toEqual(before.filter((name) => name !== '0001-thumbnail.webp'));
  expect((await readdir(end.account)).sort()).toEqual(['planned.jsonl', 'removed.jsonl', 'summary.json']);
  expect(jsonLines(await readFile(join(end.account, 'removed.jsonl'), 'utf8'))).toEqual([one]);
  expect(JSON.parse(await readFile(join(end.account, 'summary.json'), 'utf8'))).toEqual(end);

  const again = await run('prune', source, destination, '--recipe', 'thumbnail', '--delete');
  expect(again.stdout).toContain('Nothing was removed.\n');
});

test('a recipe that was not run removes nothing; one that was, what it does not ask for; another may be kept', async () => {
  const source = await place.images('recipes', 2);
  const destination = `${source}-out`;
  const folder = await place.folder('recipes-files');
  const file = async (name: string) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, JSON.stringify({ format: 'jpeg', resize: { width: 40 }, key: `{name}-${name}.jpg` }));
    return path;
  };
  const [one, two, three] = [await file('one'), await file('two'), await file('three')];
  for (const recipe of [one, two])
    expect((await run('run', source, destination, '--recipe', recipe, '--quiet')).code).toBe(0);
  const planned = async (...options: string[]) =>
    jsonLines((await run('prune', source, destination, '--json', ...options)).stdout)
      .slice(0, -1)
      .map(({ key, reason }) => `${key} ${reason}`)
      .sort();
  expect(await planned('--recipe', three)).toEqual([]);
  expect(await planned('--recipe', two, '--keep', one)).toEqual([]);
  expect(await planned('--recipe', two)).toEqual(['0000-one.jpg recipeChanged', '0001-one.jpg recipeChanged']);
  expect(await planned('--recipe', two, '--exclude', '0000.jpg')).toEqual(['0001-one.jpg recipeChanged']);
});

test('refuses an empty source, and a destination that a run is at work on', async () => {
  const source = await place.images('refused', 100);
  const destination = `${source}-out`;
  const running = start('run', source, destination, '--recipe', 'social', '--max-concurrency', '1');
  const argv = ['prune', source, destination, '--recipe', 'social', '--delete'] as const;
  while ((await outputsIn(destination).catch(() => [])).length === 0) await sleep(20);
  const live = await run(...argv);
  expect(live.code).toBe(1);
  expect(live.stderr).toMatch(/RunIsLive: The run \S+ \(process \d+ on .*\) is at work in .*; wait for its end/);
  running.kill('SIGINT');
  await running.ended;
  const made = await outputsIn(destination);
  for (const name of await readdir(source)) await rm(join(source, name));
  const empty = await run(...argv);
  expect(empty.code).toBe(1);
  expect(empty.stderr).toMatch(/expected at least one object below .*, got none/);
  expect(await outputsIn(destination)).toEqual(made);
  const meant = await run(...argv, '--allow-empty');
  expect(meant.code).toBe(0);
  expect(await outputsIn(destination)).toEqual([]);
}, 60_000);

test('refuses --delete together with --dry-run, a source that is not there, and options of runs', async () => {
  const source = await place.images('odd', 1);
  const both = await run('prune', source, `${source}-out`, '--delete', '--dry-run');
  expect(both.stderr).toContain('expected --delete or --dry-run, got both');
  expect((await run('prune', `${source}-gone`, `${source}-out`)).code).toBe(1);
  const option = await run('prune', source, `${source}-out`, '--max-concurrency', '3');
  expect(option.stderr).toContain('there is no option --max-concurrency');
});
