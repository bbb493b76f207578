// A directory lists as S3 would list the same keys.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryStore } from '../../../lambda/store/directory.ts';
import { listDirectory } from '../../../lambda/store/directory-list.ts';
import { diskOf } from '../../../lambda/store/disk.ts';
import { sortKeys } from '../../../lambda/store/paths.ts';
import type { ListedObject } from '../../../lambda/store/store.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fanout-list-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function make(...keys: readonly string[]): void {
  for (const key of keys) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), key);
  }
}

async function pagesOf(listing: AsyncIterable<readonly ListedObject[]>): Promise<(readonly ListedObject[])[]> {
  const pages: (readonly ListedObject[])[] = [];
  for await (const page of listing) pages.push(page);
  return pages;
}

async function keysOf(prefix = '', startAfter = '', atMost?: number): Promise<string[]> {
  const options = { startAfter, ...(atMost === undefined ? {} : { atMost }) };
  return (await pagesOf(listDirectory(root, diskOf(root), prefix, options))).flat().map(({ key }) => key);
}

describe('listDirectory', () => {
  it('gives keys in the order of UTF-8 bytes, folders in their place', async () => {
    make(
      'b/x.jpg',
      'b.jpg',
      'b-1.jpg',
      'b0',
      'a/z',
      'é.jpg',
      '😀.jpg',
      '\uffee.jpg',
      'Z.jpg',
      'b/x/deep.jpg',
      'line\nbreak',
      'a%20b',
      'a+b',
      'a b',
    );
    expect(await keysOf()).toEqual([
      ...['Z.jpg', 'a b', 'a%20b', 'a+b', 'a/z', 'b-1.jpg', 'b.jpg', 'b/x.jpg', 'b/x/deep.jpg', 'b0', 'line\nbreak'],
      ...['é.jpg', '\uffee.jpg', '😀.jpg'],
    ]);
  });

  it('tells size, time and an ETag that changes with either', async () => {
    make('a');
    const [page] = await pagesOf(listDirectory(root, diskOf(root), ''));
    expect(page?.[0]).toMatchObject({ key: 'a', bytes: 1, storageClass: 'STANDARD' });
    expect(page?.[0]?.lastModified).toBeGreaterThan(1_700_000_000_000);
    writeFileSync(join(root, 'a'), 'bb');
    const [again] = await pagesOf(listDirectory(root, diskOf(root), ''));
    expect(again?.[0]?.etag).not.toBe(page?.[0]?.etag);
    expect((await directoryStore(root).head('a'))?.etag).toBe(again?.[0]?.etag);
  });

  it('selects by any prefix and goes on after any key, as a filter over all keys would', async () => {
    const name = fc.constantFrom('a', 'b', 'a-', 'a0', 'é', '😀');
    const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 12 }),
        key,
        key,
        fc.nat(4),
        async (wanted, prefixOf, startAfter, length) => {
          rmSync(root, { recursive: true, force: true });
          mkdirSync(root);
          const keys = wanted.filter((each) => !wanted.some((other) => other.startsWith(`${each}/`)));
          make(...keys);
          const prefix = prefixOf.slice(0, length).toWellFormed().replace('\ufffd', '');
          const after = Buffer.from(startAfter);
          const expected = sortKeys(
            keys.filter((each) => each.startsWith(prefix) && Buffer.from(each).compare(after) > 0),
          );
          expect(await keysOf(prefix, startAfter)).toEqual(expected);
          const some = await keysOf(prefix, startAfter, 2);
          expect(some).toHaveLength(Math.min(2, expected.length));
          expect(expected).toEqual(expect.arrayContaining(some));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('gives many files once each, page by page', async () => {
    const names = Array.from({ length: 2500 }, (_, index) => `photo-${index}.jpg`);
    make(...names);
    const pages = await pagesOf(listDirectory(root, diskOf(root), ''));
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(1000);
    expect(pages.flat().map(({ key }) => key)).toEqual(sortKeys(names));
  });

  it('lets everything else have its turn between two pages', async () => {
    make(...Array.from({ length: 3000 }, (_, index) => `${index}.jpg`));
    const disk = diskOf(root);
    // By then it is known that the disk is quick.
    for await (const _ of listDirectory(root, disk, ''));
    let turns = 0;
    let next = setImmediate(function turn() {
      turns += 1;
      next = setImmediate(turn);
    });
    const seen: number[] = [];
    for await (const _ of listDirectory(root, disk, '')) seen.push(turns);
    clearImmediate(next);
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('hides what is ours, at the root only, unless it is asked for by name', async () => {
    make('.image-fanout/runs/1/job.json', '.image-fanout/index.sqlite', 'a/.image-fanout/x', '.hidden');
    expect(await keysOf()).toEqual(['.hidden', 'a/.image-fanout/x']);
    expect(await keysOf('.image-fanout/runs/')).toEqual(['.image-fanout/runs/1/job.json']);
  });

  it('reads links to files, follows no links to folders, leaves out broken links and what is no file', async () => {
    make('real/photo.jpg');
    symlinkSync(join(root, 'real/photo.jpg'), join(root, 'link.jpg'));
    symlinkSync(root, join(root, 'loop'));
    symlinkSync(join(root, 'gone'), join(root, 'broken'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    expect(await keysOf()).toEqual(['link.jpg', 'real/photo.jpg']);
    expect((await directoryStore(root).read('link.jpg')).body.toString()).toBe('real/photo.jpg');
    await expect(directoryStore(root).read('pipe')).rejects.toMatchObject({ name: 'SourceNotFound' });
  });

  it('keeps a file whose name is not UTF-8, and reading it says why it cannot be read', async () => {
    const bytes = Buffer.from([0x66, 0xff, 0x2e, 0x6a, 0x70, 0x67]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), bytes]), 'x');
    expect(await keysOf()).toEqual(['f\ufffd.jpg']);
    await expect(directoryStore(root).read('f\ufffd.jpg')).rejects.toMatchObject({ name: 'UnsafeKey' });
  });

  it('of a directory that is not there, or of a file, is BucketNotFound', async () => {
    make('file');
    await expect(pagesOf(listDirectory(join(root, 'gone'), diskOf(root), ''))).rejects.toMatchObject({
      name: 'BucketNotFound',
    });
    await expect(pagesOf(listDirectory(join(root, 'file'), diskOf(root), ''))).rejects.toMatchObject({
      name: 'BucketNotFound',
    });
  });

  it('of a directory that vanishes on the way ends with BucketNotFound, not with fewer keys', async () => {
    make(...Array.from({ length: 150 }, (_, index) => `a/${index}`), 'b/1');
    const listing = listDirectory(root, diskOf(root), '');
    await listing.next();
    const moved = `${root}-moved`;
    renameSync(root, moved);
    await expect(listing.next()).rejects.toMatchObject({ name: 'BucketNotFound' });
    renameSync(moved, root);
  });

  it.skipIf(process.getuid?.() === 0)('of a folder that may not be read is AccessDenied', async () => {
    make('closed/a');
    chmodSync(join(root, 'closed'), 0);
    await expect(keysOf()).rejects.toMatchObject({ name: 'AccessDenied' });
    chmodSync(join(root, 'closed'), 0o700);
  });

  it('with an unsafe prefix is UnsafeKey, with one that matches nothing is empty', async () => {
    make('a');
    await expect(keysOf('../')).rejects.toMatchObject({ name: 'UnsafeKey' });
    expect(await keysOf('nothing/here/')).toEqual([]);
    expect(existsSync(join(root, 'nothing'))).toBe(false);
  });
});
