// `run --dry-run`, the real program on real files: what would become of each key, and why.
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { indexPath, openIndex } from '../../lambda/store/index-db.ts';
import { run, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

test('tells why each key would be made; with --json in a line for each, and one for all', async () => {
  const source = await place.images('why', 6);
  const destination = `${source}-out`;
  const folder = await place.folder('why-recipe');
  const [one, other] = [join(folder, 'one.json'), join(folder, 'other.json')];
  const sizes = (width: number) => ({
    outputs: [{ name: 'a' }, { name: 'b', resize: { width } }],
    key: '{dir}{name}-{output}.jpg',
    format: 'jpeg',
  });
  await writeFile(one, JSON.stringify(sizes(60)));
  await writeFile(other, JSON.stringify(sizes(50)));
  expect((await run('run', source, destination, '--recipe', one, '--include', '000[0-3].jpg', '--quiet')).code).toBe(0);

  // Hard links: each gets bytes of its own first.
  const changed = join(source, '0000.jpg');
  await rm(changed);
  await writeFile(changed, await readFile(join(source, '0005.jpg')));
  await rm(join(destination, '0001-a.jpg'));
  await rm(join(destination, '0002-b.jpg'));
  await writeFile(join(source, '0004.jpg.txt'), 'no image');
  const dry = async (recipe: string, ...options: string[]) => {
    const { code, stdout } = await run(
      'run',
      source,
      destination,
      '--recipe',
      recipe,
      '--dry-run',
      '--json',
      ...options,
    );
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    return {
      keys: Object.fromEntries(
        lines.slice(0, -1).map(({ key, action, reason, reasons }) => [key, reasons?.join() ?? `${action} ${reason}`]),
      ),
      end: lines.at(-1),
      lines,
    };
  };
  const first = await dry(one);
  expect(first.keys).toEqual({
    '0000.jpg': 'sourceChanged',
    '0001.jpg': 'outputMissing',
    '0002.jpg': 'outputMissing',
    '0003.jpg': 'skip upToDate',
    '0004.jpg': 'new',
    '0004.jpg.txt': 'skip notIncluded',
    '0005.jpg': 'new',
  });
  expect(first.end).toMatchObject({
    counts: { total: 7, process: 5, skip: 2, fail: 0 },
    reasons: { sourceChanged: 1, outputMissing: 2, new: 2 },
    skipped: { upToDate: 1, notIncluded: 1 },
  });
  expect(first.lines[4]).toEqual({
    ...{ index: 4, key: '0004.jpg', action: 'process', reasons: ['new'] },
    ...{ outputs: ['0004-a.jpg', '0004-b.jpg'], unknownOutputs: 0 },
  });
  const second = await dry(other);
  expect(second.keys).toMatchObject({ '0000.jpg': 'sourceChanged,recipeChanged', '0003.jpg': 'recipeChanged' });
  expect((await dry(one, '--existing', 'replace')).keys).toMatchObject({
    '0003.jpg': 'replace',
    '0004.jpg': 'replace',
  });

  const text = await run('run', source, destination, '--recipe', other, '--dry-run');
  expect(text.stdout).toContain('    0003.jpg → 0003-a.jpg, 0003-b.jpg (recipe changed)\n');
  expect(text.stdout).toContain('    0000.jpg → 0000-a.jpg, 0000-b.jpg (source changed, recipe changed)\n');
  await appendFile(join(destination, '0003-b.jpg'), 'by hand');
  const foreign = await run('run', source, destination, '--recipe', one, '--dry-run');
  expect(foreign.code).toBe(2);
  expect(foreign.stdout).toMatch(/1 would fail\n {4}0003\.jpg\n {6}OutputExists: 0003-b\.jpg has changed since/);
}, 60_000);

test('tells of what another version of the renderer made, and of a run that was cut off', async () => {
  const source = await place.images('versions', 2);
  const destination = `${source}-out`;
  const argv = ['run', source, destination, '--recipe', 'thumbnail'] as const;
  expect((await run(...argv, '--quiet')).code).toBe(0);
  const { DatabaseSync } = await import('node:sqlite');
  (await openIndex(destination)).close();
  const database = new DatabaseSync(indexPath(destination));
  const set = database.prepare('UPDATE output SET fingerprint = ? WHERE key = ?');
  const found = database.prepare('SELECT fingerprint FROM output WHERE key = ?').get('0000-thumbnail.webp');
  set.run(`${String(found?.['fingerprint']).slice(0, -10)}0123456789`, '0000-thumbnail.webp');
  set.run('stale', '0001-thumbnail.webp');
  database.close();
  const { stdout } = await run(...argv, '--dry-run');
  expect(stdout).toContain('2 would be processed: 1 renderer changed, 1 not finished\n');
});
