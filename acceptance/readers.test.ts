// Every kind of input: a prefix, manifests in each format, an inventory, keys; in batches; and jobs that are refused.
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import {
  destination,
  ended,
  folder,
  keys,
  put,
  putFile,
  reported,
  results,
  runFolder,
  source,
  start,
} from './stack.ts';

const from = folder(source, 'readers');
const manifests = folder(results, 'manifests');
const names = ['a b+c.jpg', 'd%20e.jpg', 'ü/f.jpg', 'g.jpg'];
const places = (name: string) => ({
  source: formatLocation(from),
  destination: formatLocation(folder(destination, `readers/${name}`)),
  recipe: 'thumbnail',
});

beforeAll(async () => {
  for (const [index, name] of names.entries()) await putFile(from, name, file(TWENTY[index] as string));
  await put(from, 'folder/', '');
  await put(from, 'notes.txt', 'no image');
});

/** Runs to its end and answers the execution's output. */
async function outputOf(job: unknown): Promise<Record<string, unknown>> {
  const execution = await ended(await start(job));
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  return JSON.parse(execution.output ?? '') as Record<string, unknown>;
}

it('a prefix: folder markers and what is no image are skipped', async () => {
  expect(await outputOf(places('prefix'))).toMatchObject({ counts: { total: 6, succeeded: 4, skipped: 2, failed: 0 } });
});

describe('manifests', () => {
  const chosen = names.slice(0, 3).map((name) => from.prefix + name);
  const inventory = chosen
    .map((key) => `"${from.bucket}","${encodeURIComponent(key).replaceAll('%2F', '/')}","1"`)
    .join('\n');
  it.each([
    ['CSV', 'list.csv', `key,note\n${chosen.map((key) => `"${key}","x, y"`).join('\n')}\n`],
    ['JSON', 'list.json', JSON.stringify(chosen)],
    ['JSON of objects', 'objects.json', JSON.stringify(chosen.map((key) => ({ key })))],
    ['JSON Lines', 'list.jsonl', chosen.map((key) => `${JSON.stringify({ key })}\n`).join('')],
  ])('in %s', async (_, name, body) => {
    await put(manifests, name, body);
    const manifest = formatLocation(manifests) + name;
    expect(await outputOf({ ...places(name), manifest })).toMatchObject({
      counts: { total: 3, succeeded: 3 },
      balanced: true,
    });
  });

  it('of S3 Inventory', async () => {
    await put(manifests, 'inventory/data.csv.gz', gzipSync(inventory));
    const manifest = {
      sourceBucket: from.bucket,
      destinationBucket: `arn:aws:s3:::${manifests.bucket}`,
      version: '2016-11-30',
      fileFormat: 'CSV',
      fileSchema: 'Bucket, Key, Size',
      files: [{ key: `${manifests.prefix}inventory/data.csv.gz`, size: 1, MD5checksum: '' }],
    };
    await put(manifests, 'inventory/manifest.json', JSON.stringify(manifest));
    const job = { ...places('inventory'), manifest: `${formatLocation(manifests)}inventory/manifest.json` };
    expect(await outputOf(job)).toMatchObject({ counts: { total: 3, succeeded: 3 }, balanced: true });
  });
});

it('keys', async () => {
  const job = { ...places('keys'), keys: names.map((name) => from.prefix + name) };
  expect(await outputOf(job)).toMatchObject({ counts: { total: 4, succeeded: 4 } });
});

it('in batches: outcomes are per key all the same', async () => {
  const job = { ...places('batches'), itemsPerInvocation: 4 };
  expect(await outputOf(job)).toMatchObject({ counts: { total: 6, succeeded: 4, skipped: 2 }, balanced: true });
  expect(await keys(folder(destination, 'readers/batches'))).toHaveLength(4);
});

it('a batch with a broken key fails, and the account still knows each key', async () => {
  const mixed = folder(source, 'mixed');
  await putFile(mixed, 'a.jpg', file(TWENTY[0] as string));
  await putFile(mixed, 'b.jpg', file(BROKEN));
  await putFile(mixed, 'c.jpg', file(TWENTY[1] as string));
  const job = { ...places('mixed'), source: formatLocation(mixed), itemsPerInvocation: 3, toleratedFailureCount: 3 };
  const output = await outputOf(job);
  expect(output).toMatchObject({
    counts: { total: 3, succeeded: 2, failed: 1 },
    firstFailure: { error: 'TruncatedImage' },
  });
});

describe('what is refused before anything starts', () => {
  it.each([
    ['an unknown field', { recip: 'web' }, 'recip: unknown field'],
    ['a source that is not ours', { source: 's3://somebody-elses/' }, 'source: expected a place in'],
    ['a destination in the source', { destination: formatLocation(from) }, 'destination: expected'],
    ['a manifest that is not there', { manifest: `${formatLocation(manifests)}none.csv` }, 'none.csv'],
    ['a recipe that is not there', { recipe: `${formatLocation(folder(results, 'recipes'))}none.json` }, 'recipe'],
    ['all problems at once', { maxConcurrency: 0, existing: 'maybe' }, 'existing'],
  ])('%s', async (_, job, message) => {
    const arn = await start({ ...places('refused'), ...job });
    const execution = await ended(arn);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidJob' });
    expect(execution.cause).toContain(message);
    expect(await keys(runFolder(arn))).toEqual([]);
  });
});

it('a job file and a recipe by reference', async () => {
  const recipe = `${formatLocation(folder(results, 'recipes'))}small.json`;
  await put(
    folder(results, 'recipes'),
    'small.json',
    JSON.stringify({ outputs: [{ name: 'tiny', resize: { width: 16 } }] }),
  );
  await put(folder(results, 'jobs'), 'by-reference.json', JSON.stringify({ ...places('reference'), recipe }));
  const arn = await start({ job: `${formatLocation(folder(results, 'jobs'))}by-reference.json` });
  const execution = await ended(arn);
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  await reported(runFolder(arn));
});
