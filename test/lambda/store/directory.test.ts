// The directory store: whole files or none, provenance that survives, keys that stay inside.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryLocation } from '../../../lambda/contract/location.ts';
import { type DirectoryOptions, directoryStore } from '../../../lambda/store/directory.ts';
import { openStores } from '../../../lambda/store/open.ts';
import type { Store } from '../../../lambda/store/store.ts';

const provenance = { source: 's3://src/ä.jpg', fingerprint: 'f1', run: 'run-1' };
const normal = { ...provenance, source: 's3://src/%C3%A4.jpg' };
const body = Buffer.from('pixels');

let base: string;
let root: string;
let open: Store[];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'fanout-dir-'));
  root = join(base, 'out');
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((store) => store.close()));
  rmSync(base, { recursive: true, force: true });
});

function storeAt(path = root, options: DirectoryOptions = {}): Store {
  const store = directoryStore(path, { deadlineMs: 50, ...options });
  open.push(store);
  return store;
}

function temporaries(): string[] {
  return readdirSync(join(root, '.image-fanout/tmp'));
}

describe('write', () => {
  it('makes missing folders, answers the ETag that head gives, and leaves no temporary file', async () => {
    const store = storeAt();
    const written = await store.write('a/b/ü.jpg', body, { provenance });
    expect(await store.head('a/b/ü.jpg')).toMatchObject({ etag: written?.etag, bytes: 6, provenance: normal });
    expect(await store.read('a/b/ü.jpg')).toEqual({ body, etag: written?.etag });
    expect(temporaries()).toEqual([]);
  });

  it('takes empty bodies, and replaces what is there', async () => {
    const store = storeAt();
    await store.write('a', body, { provenance });
    await store.write('a', Buffer.alloc(0), { provenance: { ...provenance, fingerprint: 'f2' } });
    expect(await store.head('a')).toMatchObject({ bytes: 0, provenance: { fingerprint: 'f2' } });
  });

  it('expecting nothing to be there happens once', async () => {
    const store = storeAt();
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((text, index) =>
        store.write('first', Buffer.from(text), {
          expect: 'absent',
          provenance: { ...provenance, source: `s3://src/${index}` },
        }),
      ),
    );
    const winner = answers.findIndex((answer) => answer !== undefined);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
    expect(readFileSync(join(root, 'first'), 'utf8')).toBe('abcd'[winner]);
    expect((await store.head('first'))?.provenance?.source).toBe(`s3://src/${winner}`);
    expect(temporaries()).toEqual([]);
  });

  it('expecting a version happens only to that version', async () => {
    const store = storeAt();
    const one = await store.write('a', Buffer.from('1'));
    const two = await store.write('a', Buffer.from('22'), { expect: { etag: one?.etag ?? '' } });
    expect(two).toBeDefined();
    expect(await store.write('a', Buffer.from('333'), { expect: { etag: one?.etag ?? '' } })).toBeUndefined();
    expect(await store.write('none', Buffer.from('3'), { expect: { etag: one?.etag ?? '' } })).toBeUndefined();
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('22');
    expect(existsSync(join(root, 'none'))).toBe(false);
  });

  it.each([
    ['a', 'a/b'],
    ['a/b', 'a'],
  ])('of %s and %s is OutputCollision: one needs a folder where the other is a file', async (first, second) => {
    const store = storeAt();
    await store.write(first, body);
    for (const expectation of [{}, { expect: 'absent' as const }]) {
      await expect(store.write(second, body, expectation)).rejects.toMatchObject({ name: 'OutputCollision' });
    }
    expect(readFileSync(join(root, first), 'utf8')).toBe('pixels');
    expect(temporaries()).toEqual([]);
  });

  it('refuses keys that leave the directory, and links that do', async () => {
    const store = storeAt();
    mkdirSync(join(base, 'elsewhere'));
    mkdirSync(root);
    symlinkSync(join(base, 'elsewhere'), join(root, 'way-out'));
    for (const key of ['../escaped', '/escaped', 'way-out/escaped', 'way-out/deeper/escaped']) {
      await expect(store.write(key, body)).rejects.toMatchObject({ name: 'UnsafeKey' });
    }
    expect(readdirSync(join(base, 'elsewhere'))).toEqual([]);
    expect(readdirSync(base).toSorted()).toEqual(['elsewhere', 'out']);
  });

  it('replaces a link to a file instead of writing through it', async () => {
    const store = storeAt();
    mkdirSync(root);
    writeFileSync(join(base, 'precious'), 'precious');
    symlinkSync(join(base, 'precious'), join(root, 'a'));
    await store.write('a', body);
    expect(readFileSync(join(base, 'precious'), 'utf8')).toBe('precious');
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('pixels');
  });

  it('takes a destination that is itself a link', async () => {
    mkdirSync(join(base, 'real'));
    symlinkSync(join(base, 'real'), root);
    await storeAt().write('a/b', body);
    expect(readFileSync(join(base, 'real/a/b'), 'utf8')).toBe('pixels');
  });

  it('does not make a destination anew that was there and vanished', async () => {
    const store = storeAt();
    await store.write('a', body);
    rmSync(root, { recursive: true });
    await expect(store.write('b', body)).rejects.toMatchObject({ name: 'BucketNotFound' });
    mkdirSync(root);
    await expect(store.write('b', body)).rejects.toMatchObject({ name: 'BucketNotFound' });
    expect(readdirSync(root)).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('to a directory without permission is AccessDenied', async () => {
    mkdirSync(root, { mode: 0o500 });
    await expect(storeAt().write('a', body)).rejects.toMatchObject({ name: 'AccessDenied' });
    chmodSync(root, 0o700);
  });
});

describe('two keys that differ only in case, on a disk that does not tell them apart', () => {
  it('are OutputCollision, not one file', async () => {
    const store = storeAt(root, { caseInsensitive: true });
    await store.write('Photo.jpg', body, { provenance });
    const other = { ...provenance, source: 's3://src/other.jpg' };
    await expect(store.write('photo.JPG', body, { provenance: other })).rejects.toMatchObject({
      name: 'OutputCollision',
      message: expect.stringContaining('"photo.JPG" and "Photo.jpg"'),
    });
    await store.write('Photo.jpg', body, { provenance });
  });

  it('written at once are one file and one collision', async () => {
    const store = storeAt(root, { caseInsensitive: true });
    const results = await Promise.allSettled(['É.jpg', 'é.jpg'].map((key) => store.write(key, body, { provenance })));
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('are two files on a disk that tells them apart', async () => {
    const store = storeAt(root, { caseInsensitive: false });
    await store.write('A', body, { provenance });
    expect(await store.write('a', body, { provenance, expect: 'absent' })).toBeDefined();
  });
});

describe('head', () => {
  it('is undefined for what is no file', async () => {
    const store = storeAt();
    await store.write('a/b', body);
    for (const key of ['a', 'nothing', 'a/b/c']) expect(await store.head(key)).toBeUndefined();
    await expect(store.head('../x')).rejects.toMatchObject({ name: 'UnsafeKey' });
  });

  it('makes no index where there is none', async () => {
    mkdirSync(root);
    writeFileSync(join(root, 'a'), 'x');
    expect(await storeAt().head('a')).not.toHaveProperty('provenance');
    expect(readdirSync(root)).toEqual(['a']);
  });

  it('knows no provenance of a file that others wrote or changed', async () => {
    const store = storeAt();
    await store.write('ours', body, { provenance });
    writeFileSync(join(root, 'theirs'), 'x');
    expect(await store.head('theirs')).not.toHaveProperty('provenance');
    writeFileSync(join(root, 'ours'), 'edited');
    expect(await store.head('ours')).not.toHaveProperty('provenance');
  });

  it('knows provenance after the store was opened anew, and after a copy that cut the times to seconds', async () => {
    const store = storeAt();
    await store.write('a', body, { provenance });
    await store.close();
    expect((await storeAt().head('a'))?.provenance).toEqual(normal);
    const seconds = Math.floor(Date.now() / 1000);
    utimesSync(join(root, 'a'), seconds, seconds);
    expect((await storeAt().head('a'))?.provenance).toEqual(normal);
  });

  it('says that the index is damaged', async () => {
    mkdirSync(join(root, '.image-fanout'), { recursive: true });
    writeFileSync(join(root, '.image-fanout/index.sqlite'), 'this is no database, for sure. '.repeat(100));
    writeFileSync(join(root, 'a'), 'x');
    await expect(storeAt().head('a')).rejects.toMatchObject({
      name: 'UnexpectedError',
      message: expect.stringContaining('damaged'),
    });
  });
});

describe('read and open', () => {
  it('of what is not there is SourceNotFound', async () => {
    const store = storeAt();
    await store.write('a/b', body);
    for (const key of ['nothing', 'a', 'a/b/c']) {
      await expect(store.read(key)).rejects.toMatchObject({ name: 'SourceNotFound' });
      await expect(store.open(key)).rejects.toMatchObject({ name: 'SourceNotFound' });
    }
  });

  it('of a directory that is not there is BucketNotFound', async () => {
    await expect(storeAt().read('a')).rejects.toMatchObject({
      name: 'BucketNotFound',
      message: expect.stringContaining(root),
    });
  });

  it('of what is too large says so, naming both numbers', async () => {
    const store = storeAt();
    await store.write('a', body);
    await expect(store.read('a', { maxBytes: 5 })).rejects.toMatchObject({
      name: 'TooManyBytes',
      expected: 'at most 5 bytes',
      met: '6 bytes',
    });
    expect((await store.read('a', { maxBytes: 6 })).body).toEqual(body);
  });
});

describe('save', () => {
  it('writes a stream of text and bytes, which open gives back', async () => {
    const store = storeAt();
    async function* pieces(): AsyncGenerator<string | Uint8Array> {
      for (let index = 0; index < 1000; index++) yield index % 2 === 0 ? 'é'.repeat(500) : Buffer.alloc(1000, 'x');
    }
    await store.save('.image-fanout/runs/1/results.jsonl', pieces());
    const chunks: Buffer[] = [];
    for await (const chunk of await store.open('.image-fanout/runs/1/results.jsonl')) chunks.push(chunk);
    const expected = Buffer.from(('é'.repeat(500) + 'x'.repeat(1000)).repeat(500));
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
  });

  it('leaves nothing when the stream breaks', async () => {
    const store = storeAt();
    async function* broken(): AsyncGenerator<string> {
      yield 'half';
      throw new Error('the source broke');
    }
    await expect(store.save('a', broken())).rejects.toThrow('the source broke');
    expect(existsSync(join(root, 'a'))).toBe(false);
    expect(temporaries()).toEqual([]);
  });
});

describe('temporary files', () => {
  it('of processes that are gone are removed, those of others are kept', async () => {
    await storeAt().write('a', body);
    const folder = join(root, '.image-fanout/tmp');
    const script = `import('${join(import.meta.dirname, '../../../lambda/store/directory-temporary.ts')}').then((m) => console.log(m.temporaryName()))`;
    const dead = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim();
    const alive = dead.replace(/\.\d+\./, `.${process.pid}.`);
    const elsewhere = dead.replace(/^[0-9a-f]{8}/, '00000000');
    const old = elsewhere.replace('.1.tmp', '.2.tmp');
    for (const name of [dead, alive, elsewhere, old, 'not-ours']) writeFileSync(join(folder, name), '');
    utimesSync(join(folder, old), 1, 1);
    await storeAt().write('b', body);
    expect(temporaries().toSorted()).toEqual([alive, elsewhere, 'not-ours'].toSorted());
  });
});

describe('a full disk', () => {
  it.skipIf(!existsSync('/dev/full'))('is DestinationFull, and leaves nothing', async () => {
    // A process may write 64 KB here and no more: the kernel then answers as it does for a disk that is full.
    const script = `
      import { directoryStore } from '${join(import.meta.dirname, '../../../lambda/store/directory.ts')}';
      process.on('SIGXFSZ', () => {});
      const store = directoryStore('${root}', { deadlineMs: 0 });
      await store.write('small', Buffer.alloc(10_000));
      await store.write('large', Buffer.alloc(1_000_000)).catch((error) => console.log(error.name));
      await store.close();`;
    const output = execFileSync(
      'bash',
      ['-c', `ulimit -f 64; "${process.execPath}" --input-type=module -e "$SCRIPT"`],
      {
        encoding: 'utf8',
        env: { ...process.env, SCRIPT: script },
      },
    );
    expect(output.trim()).toBe('DestinationFull');
    expect(readdirSync(root).toSorted()).toEqual(['.image-fanout', 'small']);
    expect(temporaries()).toEqual([]);
  });
});

describe('openStores', () => {
  it('opens a directory once, without loading the SDK', async () => {
    const stores = openStores();
    const { bucket } = directoryLocation(root);
    expect(stores.open(bucket)).toBe(stores.open(bucket));
    await stores.open(bucket).write('a', body);
    await stores.close();
    const script = `
      const { openStores } = await import('${join(import.meta.dirname, '../../../lambda/store/open.ts')}');
      const stores = openStores();
      await stores.open('${bucket}').read('a');
      const { createRequire } = await import('node:module');
      console.log(process.moduleLoadList.filter((name) => name.includes('https')).length);`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim()).toBe(
      '0',
    );
  });
});
