// One job gives the same outputs and the same account on directories and over S3, and every time; S3's keys may be whatever S3 allows.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobInput } from '../../lambda/job/job.ts';
import type { ItemRow } from '../../lambda/report/item-row.ts';
import { sortKeys } from '../../lambda/store/paths.ts';
import { makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, within } from './job-run.ts';

let directories: Places;
let buckets: Places;

beforeAll(async () => {
  directories = await makePlaces('directories');
  buckets = await makePlaces('S3');
});
afterAll(() => Promise.all([directories.close(), buckets.close()]));

/** What is left of an account when names of places, times and ETags are set aside. */
function comparable(rows: readonly ItemRow[], { source, destination }: Pick<Places, 'source' | 'destination'>) {
  const text = JSON.stringify(rows, (name, value) =>
    ['ms', 'ended', 'etag'].includes(name) ? undefined : (value as unknown),
  );
  const bare = text.replaceAll(`"${source.prefix}`, '"').replaceAll(`"${destination.prefix}`, '"');
  return JSON.parse(bare) as unknown;
}

async function outputsIn(places: Places, folder: string): Promise<Map<string, string>> {
  const found = [...(await places.outputs())].filter(([key]) => key.startsWith(`${folder}/`));
  return new Map(
    found
      .filter(([key]) => !key.includes('/.image-fanout/'))
      .map(([key, body]) => [key.slice(folder.length + 1), body.toString('base64')]),
  );
}

describe('the same job', () => {
  test('gives the same bytes and the same account on directories and over S3, twice', async () => {
    const sources: [string, Buffer | string][] = [
      ['a.jpg', await tinyImage('jpeg', 1, 700)],
      ['album/b with space.png', await tinyImage('png', 2, 400)],
      ['album/c.webp', await tinyImage('webp', 3, 333)],
      ['album/deep/Ünïcode 日本.jpg', await tinyImage('jpeg', 4, 90)],
      ['broken.jpg', 'not an image'],
      ['cut.jpg', (await tinyImage('jpeg', 5, 2000)).subarray(0, 400)],
      ['notes.txt', 'not included'],
    ];
    const results: { readonly outputs: Map<string, string>; readonly [part: string]: unknown }[] = [];
    for (const [turn, places] of [directories, buckets, directories, buckets].entries()) {
      const folder = `same-${turn}`;
      for (const [key, body] of sources) await places.put(`${folder}/${key}`, body);
      const where = within(places, folder);
      const job: JobInput = { recipe: 'web', toleratedFailureCount: 2, itemsPerInvocation: 2 };
      const { summary, code, rows } = await runJob(where, job, { run: folder });
      const { counts, errors, skipped, outputs, bytes, check } = summary;
      results.push({
        code,
        facts: { counts, skipped, outputs, bytes, check },
        errors: errors.map(({ name, count }) => ({ name, count })),
        rows: comparable(rows, where),
        outputs: await outputsIn(places, folder),
      });
    }
    const [first] = results;
    expect(first).toMatchObject({ code: 3, facts: { counts: { succeeded: 4, skipped: 1, failed: 2 } } });
    expect(first?.outputs.size).toBeGreaterThan(20);
    for (const other of results.slice(1)) expect(other).toEqual(first);
  });
});

describe('keys of S3', () => {
  test('may hold whatever S3 allows: each is processed once, folder markers are skipped', async () => {
    const names = [
      ' leading space.jpg',
      'a b+c.jpg',
      'a%20b%2F.jpg',
      'a#fragment?query=1&x=2.jpg',
      `quotes'"\`.jpg`,
      'angle <b>&amp;.jpg',
      'brackets [1] (2) {3}.jpg',
      'colon: semicolon; comma, star*.jpg',
      'back\\slash.jpg',
      'dots..in...names.jpg',
      'empty//name.jpg',
      'newline\nand tab\t.jpg',
      'é composed.jpg',
      'é decomposed.jpg',
      'emoji 😀 and \uffee.jpg',
      'folder/trailing slash.jpg',
      '~!@$^=|.jpg',
    ];
    const folder = 'strange';
    for (const name of names) await buckets.put(`${folder}/${name}`, await tinyImage());
    await buckets.put(`${folder}/marker/`, '');
    const where = within(buckets, folder);
    const { summary, code, rows } = await runJob(where, { recipe: TINY });
    expect(summary.errors).toEqual([]);
    expect(code).toBe(0);
    expect(summary.skipped).toEqual({ folderMarker: 1 });
    expect(rows.map(({ key }) => key.slice(where.source.prefix.length))).toEqual(sortKeys([...names, 'marker/']));
    const expected = names.map((name) => `${name.replace(/\.jpg$/, '')}.jpg.jpg`);
    expect(sortKeys([...(await outputsIn(buckets, folder)).keys()])).toEqual(sortKeys(expected));
    const again = await runJob(where, { recipe: TINY });
    expect(again.summary.skipped).toEqual({ folderMarker: 1, upToDate: names.length });
  });

  test('may be more than a listing gives at once', async () => {
    const folder = 'many';
    const keys = Array.from({ length: 1_234 }, (_, index) => `${index}.${index % 30 === 0 ? 'jpg' : 'txt'}`);
    const put = async (key: string) => buckets.put(`${folder}/${key}`, await tinyImage());
    for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map(put));
    const where = within(buckets, folder);
    const { summary, code, rows } = await runJob(where, { recipe: TINY, itemsPerInvocation: 10 });
    const images = keys.filter((key) => key.endsWith('jpg')).length;
    expect(code).toBe(0);
    expect(summary.counts).toMatchObject({ total: 1_234, succeeded: images, skipped: 1_234 - images });
    expect(summary.check).toMatchObject({ listed: 1_234, balanced: true });
    expect(rows.map(({ key }) => key)).toEqual(sortKeys(keys.map((key) => where.source.prefix + key)));
    expect((await outputsIn(buckets, folder)).size).toBe(images);
  });
});
