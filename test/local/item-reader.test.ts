// The item readers over a real S3 server and over directories: pages, odd keys, manifests of every kind, compression.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStores, type Stores } from '../../lambda/store/open.ts';
import { openItems } from '../../lib/local/item-reader.ts';
import { evaluateTemplate } from '../../lib/local/states/template.ts';
import type { ItemReader, Json } from '../../lib/states-language.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { mapDefinition, temporaryPlace } from './helpers/map.ts';

const ODD_KEYS = [
  'a b.jpg',
  'plus+sign.jpg',
  'per%20cent%.jpg',
  'hash#.jpg',
  'quote".jpg',
  "apos'.jpg",
  'ünï/çødé.jpg',
  'folder/',
  '東京/写真.jpg',
  'and&amp;.jpg',
];

let server: S3Server;
let stores: Stores;

beforeAll(async () => {
  server = await startS3Server(['photos', 'lists']);
  Object.assign(process.env, server.env);
  stores = openStores();
});

afterAll(async () => {
  await stores.close();
  await server.stop();
});

async function read(ItemReader: ItemReader, open = stores.open, input: Json = {}) {
  const { States } = mapDefinition({ ItemReader });
  const state = States['Map'] as never;
  const { source, pages } = await openItems(
    state,
    (template) => evaluateTemplate(template, input),
    open,
    new AbortController().signal,
  );
  const items: Json[] = [];
  const keys: (string | undefined)[] = [];
  let pageCount = 0;
  for await (const page of pages({ count: 0 })) {
    pageCount += 1;
    items.push(...page.map(({ value }) => value));
    keys.push(...page.map(({ key }) => key));
  }
  return { source, items, keys, pageCount };
}

const put = (Bucket: string, Key: string, Body: string | Buffer = 'x') =>
  server.client.send(new PutObjectCommand({ Bucket, Key, Body }));

const file = (Key: string, ReaderConfig: NonNullable<ItemReader['ReaderConfig']>): ItemReader => ({
  Resource: 'arn:aws:states:::s3:getObject',
  Parameters: { Bucket: 'lists', Key },
  ReaderConfig,
});

describe('the listing reader', () => {
  it('gives every object of a prefix, page by page, whatever its key holds', async () => {
    const many = Array.from({ length: 1001 }, (_, index) => `in/${String(index).padStart(4, '0')}.jpg`);
    const keys = [...many, ...ODD_KEYS.map((key) => `in/${key}`)];
    for (let from = 0; from < keys.length; from += 100) {
      await Promise.all(keys.slice(from, from + 100).map((key) => put('photos', key)));
    }
    await put('photos', 'out/elsewhere.jpg');
    const listing = {
      Resource: 'arn:aws:states:::s3:listObjectsV2',
      Parameters: { 'Bucket.$': '$.bucket', Prefix: 'in/' },
    };
    const { source, items, pageCount } = await read(listing, stores.open, { bucket: 'photos' });
    expect(source).toBe('s3://photos');
    expect(pageCount).toBeGreaterThan(1);
    expect(new Set(items.map((item) => (item as { Key: string }).Key))).toEqual(new Set(keys));
    expect(items).toHaveLength(keys.length);
    expect(items[0]).toEqual({
      Etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      Key: 'in/0000.jpg',
      LastModified: expect.any(Number),
      Size: 1,
      StorageClass: 'STANDARD',
    });
    // Epoch seconds, not milliseconds.
    expect((items[0] as { LastModified: number }).LastModified * 1000).toBeLessThan(Date.now() + 60_000);
  });

  it('lists a directory the same way, and stops at MaxItems', async () => {
    await using place = await temporaryPlace();
    for (const key of ['b.jpg', 'a.jpg', 'deep/c.jpg']) {
      await mkdir(dirname(join(place.directory, key)), { recursive: true });
      await writeFile(join(place.directory, key), 'xyz');
    }
    const listing = (ReaderConfig: ItemReader['ReaderConfig']) => ({
      Resource: 'arn:aws:states:::s3:listObjectsV2',
      Parameters: { Bucket: place.bucket },
      ...(ReaderConfig && { ReaderConfig }),
    });
    const all = await read(listing(undefined), place.stores.open);
    expect(all.items.map((item) => (item as { Key: string }).Key)).toEqual(['a.jpg', 'b.jpg', 'deep/c.jpg']);
    expect(all.items[0]).toMatchObject({ Size: 3, Etag: expect.stringMatching(/^".+"$/) });
    expect((await read(listing({ MaxItems: 2 }), place.stores.open)).items).toHaveLength(2);
  });

  it('fails as States.ItemReaderFailed where the bucket is missing', async () => {
    const listing = { Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: { Bucket: 'no-such-bucket' } };
    await expect(read(listing)).rejects.toMatchObject({
      name: 'States.ItemReaderFailed',
      message: expect.stringContaining('no-such-bucket'),
    });
  });
});

describe('the file readers', () => {
  const rows = Array.from({ length: 2500 }, (_, index) => ({ key: `é-${index}.jpg`, n: String(index) }));
  const csv = `key,n\n${rows.map(({ key, n }) => `${key},${n}`).join('\n')}\n`;
  const jsonl = rows.map((row) => JSON.stringify(row)).join('\n');
  const encodings = [
    { name: 'plain', encode: (text: string) => Buffer.from(text) },
    { name: 'gzip', encode: (text: string) => gzipSync(text) },
    { name: 'zstd', encode: (text: string) => zstdCompressSync(text) },
  ];
  const formats = [
    { format: 'CSV', content: csv, config: { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' } },
    { format: 'JSON', content: JSON.stringify(rows), config: { InputType: 'JSON' } },
    { format: 'JSONL', content: jsonl, config: { InputType: 'JSONL' } },
    { format: 'JSONL with blank lines', content: `\n${jsonl}\n\n`, config: { InputType: 'JSONL' } },
    {
      format: 'CSV with a byte order mark',
      content: `\ufeff${csv}`,
      config: { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' },
    },
  ] as const;

  for (const { name, encode } of encodings) {
    it.each(formats)(`read $format, ${name}`, async ({ format, content, config }) => {
      const key = `${format}-${name}`;
      await put('lists', key, encode(content));
      const { source, items } = await read(file(key, config));
      expect(source).toBe(`s3://lists/${key}`);
      expect(items).toEqual(rows);
    });
  }

  const nested = {
    meta: { list: [0] },
    'a/b': { '~': ['x', { y: [1, { z: null }] }, [true, false], -1.5e3] },
    list: [9],
  };
  it.each([
    { pointer: '/a~1b/~0', items: nested['a/b']['~'] },
    { pointer: '/list', items: [9] },
    { pointer: '/a~1b/~0/1/y', items: [1, { z: null }] },
  ])('find the array at the JSON Pointer $pointer', async ({ pointer, items }) => {
    await put('lists', 'nested.json', JSON.stringify(nested));
    expect((await read(file('nested.json', { InputType: 'JSON', ItemsPointer: pointer }))).items).toEqual(items);
  });

  it.each(['/nothing', '/meta/list/0', '/list/1'])(
    'refuse the JSON Pointer %s, where nothing is iterable',
    async (pointer) => {
      await put('lists', 'nested.json', JSON.stringify(nested));
      await expect(read(file('nested.json', { InputType: 'JSON', ItemsPointer: pointer }))).rejects.toMatchObject({
        name: 'States.ItemReaderFailed',
        message: 'Attempting to map over non-iterable node.',
      });
    },
  );

  it("give an object's members with their names", async () => {
    // Below a pointer; a file that is an object itself has no items, as recorded (test/local/conformance.test.ts).
    await put('lists', 'object.json', '{"of":{"a":{"b":1},"c":[2]}}');
    const { items, keys } = await read(file('object.json', { InputType: 'JSON', ItemsPointer: '/of' }));
    expect({ items, keys }).toEqual({ items: [{ b: 1 }, [2]], keys: ['a', 'c'] });
  });

  it.each([
    { name: 'a JSON file that ends early', key: 'torn.json', content: '[{"a":1},', config: { InputType: 'JSON' } },
    { name: 'a line that is no JSON', key: 'bad.jsonl', content: '{"a":1}\n{"a"\n', config: { InputType: 'JSONL' } },
    { name: 'broken gzip', key: 'bad.gz', content: gzipSync(jsonl).subarray(0, 200), config: { InputType: 'JSONL' } },
  ] as const)('end with States.ItemReaderFailed on $name', async ({ key, content, config }) => {
    await put('lists', key, content as string | Buffer);
    await expect(read(file(key, config))).rejects.toMatchObject({ name: 'States.ItemReaderFailed' });
  });

  it('end with States.ItemReaderFailed on a file that is not there', async () => {
    await expect(read(file('missing.json', { InputType: 'JSON' }))).rejects.toMatchObject({
      name: 'States.ItemReaderFailed',
      message: expect.stringContaining('SourceNotFound'),
    });
  });

  it('read S3 Inventory: rows of strings, keys as they are encoded', async () => {
    await put('lists', 'data/1.csv.gz', gzipSync('"photos","a+b%2B.jpg","12"\n"photos","c.jpg","13"\n'));
    await put('lists', 'data/2.csv.gz', gzipSync('"photos","d.jpg","14"\n'));
    const manifest = {
      ...{ sourceBucket: 'photos', destinationBucket: 'arn:aws:s3:::lists', version: '2016-11-30' },
      ...{ fileFormat: 'CSV', fileSchema: 'Bucket, Key, Size' },
      files: [{ key: 'data/1.csv.gz' }, { key: 'data/2.csv.gz' }],
    };
    await put('lists', 'inventory/manifest.json', JSON.stringify(manifest));
    const { items } = await read(file('inventory/manifest.json', { ManifestType: 'S3_INVENTORY' }));
    expect(items).toEqual([
      { Bucket: 'photos', Key: 'a+b%2B.jpg', Size: '12' },
      { Bucket: 'photos', Key: 'c.jpg', Size: '13' },
      { Bucket: 'photos', Key: 'd.jpg', Size: '14' },
    ]);
  });

  it('refuse an inventory that is not CSV', async () => {
    const manifest = { destinationBucket: 'lists', fileFormat: 'ORC', fileSchema: 'Bucket, Key', files: [] };
    await put('lists', 'orc.json', JSON.stringify(manifest));
    await expect(read(file('orc.json', { ManifestType: 'S3_INVENTORY' }))).rejects.toThrow('CSV, got ORC');
  });
});
