// Guards on whole runs: keys that must not become paths, keys that would meet, jobs that would write over their source, nothing to do.
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { directoryLocation } from '../../lambda/contract/location.ts';
import { openStores, type Stores } from '../../lambda/store/open.ts';
import { run, type Workplace, workplace } from '../cli/program.ts';
import { makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, type Where } from './job-run.ts';

let place: Workplace;
let buckets: Places;
const opened: Stores[] = [];

beforeAll(async () => {
  place = await workplace();
  buckets = await makePlaces('S3');
});
afterAll(async () => {
  for (const stores of opened) await stores.close();
  await buckets.close();
  await place.remove();
});

/** Two directories beside each other in a folder of their own. */
async function directories(
  name: string,
  options: { caseInsensitive?: boolean } = {},
): Promise<Where & { root: string }> {
  const root = await place.folder(name);
  for (const folder of ['source', 'destination']) await mkdir(join(root, folder));
  const stores = openStores({ directory: options });
  opened.push(stores);
  return {
    root,
    source: directoryLocation(join(root, 'source')),
    destination: directoryLocation(join(root, 'destination')),
    open: stores.open,
  };
}

const UNSAFE: readonly (readonly [string, RegExp])[] = [
  ['../../etc/passwd.jpg', /expected no "." or ".." segment/],
  ['album/../../x.jpg', /expected no "." or ".." segment/],
  ['..\\windows\\x.jpg', /contains ".." and could leave the directory/],
  ['/etc/passwd.jpg', /expected a key below the destination/],
  ['C:\\windows\\x.jpg', /expected a key below the destination/],
  ['\\\\server\\share.jpg', /is a Windows network path/],
  ['nul\0.jpg', /expected a key without NUL/],
];

describe('keys that would leave the directory', () => {
  test.each(UNSAFE)('%j is UnsafeKey, whoever asks for it', async (key, reason) => {
    const where = await directories(`unsafe-${UNSAFE.findIndex(([unsafe]) => unsafe === key)}`);
    await writeFile(join(where.root, 'source/good.jpg'), await tinyImage());
    const { summary, code, rows } = await runJob(where, {
      recipe: TINY,
      keys: [key, 'good.jpg'],
      toleratedFailureCount: 1,
    });
    expect(code).toBe(3);
    expect(rows[0]).toMatchObject({ key, status: 'failed', error: 'UnsafeKey' });
    expect((rows[0] as { message: string }).message).toMatch(reason);
    expect(summary.counts).toMatchObject({ succeeded: 1, failed: 1 });
    expect((await readdir(where.root)).sort()).toEqual(['destination', 'source']);
  });

  test('listed in a bucket, which allows them, never become files elsewhere', async () => {
    const where = await directories('from-bucket');
    for (const key of ['../../outside.jpg', 'a/../../outside.jpg', '/outside.jpg', 'good.jpg']) {
      await buckets.open('photos').write(`traversal/${key}`, await tinyImage());
    }
    const { rows, summary } = await runJob(
      {
        ...where,
        source: { bucket: 'photos', prefix: 'traversal/' },
        open: (bucket) => (bucket === 'photos' ? buckets : where).open(bucket),
      },
      { recipe: TINY, toleratedFailureCount: 10 },
    );
    expect(summary.counts).toMatchObject({ total: 4, succeeded: 1, failed: 3 });
    for (const row of rows) if (row.status === 'failed') expect(row.error).toBe('UnsafeKey');
    expect((await readdir(where.root)).sort()).toEqual(['destination', 'source']);
    expect((await readdir(join(where.root, 'destination'))).sort()).toEqual(['.image-fanout', 'good.jpg.jpg']);
  });

  test('a key outside the source prefix is InvalidItem', async () => {
    await buckets.put('prefix/in.jpg', await tinyImage());
    const where = { ...buckets, source: { bucket: 'photos', prefix: 'in/prefix/' } };
    const { rows } = await runJob(where, {
      recipe: TINY,
      keys: ['in/prefix/in.jpg', 'in/other.jpg'],
      toleratedFailureCount: 1,
    });
    expect(rows.map((row) => (row.status === 'failed' ? row.error : row.status))).toEqual(['succeeded', 'InvalidItem']);
  });
});

describe('keys that would meet', () => {
  test('that differ only in case, on a disk that does not tell them apart, are one file and one OutputCollision', async () => {
    const where = await directories('case', { caseInsensitive: true });
    const source = { bucket: 'photos', prefix: 'case/' };
    for (const key of ['a.jpg', 'A.jpg', 'Ä.jpg', 'ä.jpg', 'b.jpg']) {
      await buckets.open('photos').write(source.prefix + key, await tinyImage());
    }
    const { summary, code } = await runJob(
      { ...where, source, open: (bucket) => (bucket === 'photos' ? buckets : where).open(bucket) },
      { recipe: TINY, toleratedFailureCount: 2 },
    );
    expect(code).toBe(3);
    expect(summary.counts).toMatchObject({ total: 5, succeeded: 3, failed: 2 });
    expect(summary.errors).toMatchObject([{ name: 'OutputCollision', count: 2 }]);
    expect(summary.errors[0]?.examples[0]?.message).toMatch(/differ only in case/);
  });

  test('two sources at one output key are one output and one OutputCollision', async () => {
    const where = await directories('meet');
    await writeFile(join(where.root, 'source/a.jpg'), await tinyImage());
    await writeFile(join(where.root, 'source/a.png'), await tinyImage('png'));
    const recipe = { ...TINY, outputs: [{ ...TINY.outputs[0], name: 'tiny', key: '{dir}{name}.{format}' }] };
    const { summary, code } = await runJob(where, { recipe, toleratedFailureCount: 1 });
    expect(code).toBe(3);
    expect(summary.errors).toMatchObject([{ name: 'OutputCollision', count: 1 }]);
    expect(summary.counts).toMatchObject({ succeeded: 1, failed: 1 });
  });
});

describe('a job that would write over its source', () => {
  const BOTH = /destination: expected another place than the source/;
  const INSIDE = /destination: expected a place outside the source/;
  const AROUND = /source: expected a place outside the destination/;

  test.concurrent.each<[string, string, string, readonly string[], RegExp]>([
    ['onto itself', 'photos', 'photos', [], BOTH],
    ['onto itself through a link', 'photos', 'link', [], BOTH],
    ['onto itself through ..', 'photos', 'other/../photos/', [], BOTH],
    ['into itself', 'photos', 'photos/out', [], INSIDE],
    ['from inside the destination', 'photos/raw', 'photos', [], AROUND],
    [
      'its account into its source',
      'photos',
      'other',
      ['--results', 'photos'],
      /results: expected a place outside the source/,
    ],
  ])('%s is not started: exit 1', async (name, source, destination, more, message) => {
    const root = await place.folder(`over ${name}`);
    for (const folder of ['photos/raw', 'other']) await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, 'photos/raw/a.jpg'), await tinyImage());
    await symlink(join(root, 'photos'), join(root, 'link'));
    const before = await readdir(root, { recursive: true });
    const places = more.map((word) => (word.startsWith('-') ? word : join(root, word)));
    const { code, stdout, stderr } = await run('run', `${root}/${source}`, `${root}/${destination}`, ...places);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(await readdir(root, { recursive: true })).toEqual(before);
  });

  test('by a link of its destination replaces the link, and leaves the source alone', async () => {
    const where = await directories('linked');
    const body = await tinyImage();
    const path = join(where.root, 'source/a.jpg');
    await writeFile(path, body);
    await symlink(path, join(where.root, 'destination/a.jpg.jpg'));
    await writeFile(join(where.root, 'source/b.jpg'), body);
    await link(join(where.root, 'source/b.jpg'), join(where.root, 'destination/b.jpg.jpg'));
    const { code } = await runJob(where, { recipe: TINY, existing: 'replace' });
    expect(code).toBe(0);
    for (const name of ['a.jpg', 'b.jpg']) {
      expect(await readFile(join(where.root, 'source', name))).toEqual(body);
      expect(await readFile(join(where.root, 'destination', `${name}.jpg`))).not.toEqual(body);
    }
  });
});

test('nothing found is refused over S3 too, unless it is said to be fine', async () => {
  const where = { ...buckets, source: { bucket: 'photos', prefix: 'empty/' } };
  await expect(runJob(where, { recipe: TINY })).rejects.toThrow(
    /InvalidJob: .*expected at least one object below s3:\/\/photos\/empty\/, got none/,
  );
  const { code, summary } = await runJob(where, { recipe: TINY, allowEmpty: true });
  expect({ code, total: summary.counts.total }).toEqual({ code: 0, total: 0 });
});
