// The S3 store against real S3 servers over HTTP.
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStores, type Stores } from '../../../lambda/store/open.ts';
import { isFrom } from '../../../lambda/store/provenance.ts';
import type { ListedObject, Store } from '../../../lambda/store/store.ts';
import { SERVERS, type ServerName, startServer } from '../../helpers/other-servers.ts';
import type { S3Server } from '../../helpers/s3-server.ts';

const ODD_KEYS = [
  'a b.jpg',
  'a+b.jpg',
  'a%2Bb.jpg',
  'a%.jpg',
  'a#b?.jpg',
  'quo"te\'<&>.jpg',
  'ü/日本/😀.jpg',
  '\uffee.jpg',
  'trailing/',
  'line\nbreak.jpg',
  'carriage\rreturn.jpg',
  'control\u0001.jpg',
  'a//b.jpg',
  'a/../b.jpg',
  '../up',
  '/leading',
  '*(),;:@=&$!~.jpg',
  '\\back\\slash',
  'Upper',
  'upper',
];

/** Keys that a server cannot hold: what is a path of a file there, or a line of a router's pattern. */
const BEYOND: Readonly<Record<ServerName, readonly string[]>> = {
  fauxqs: [],
  versitygw: ['trailing/', 'control\u0001.jpg', 'a//b.jpg', 'a/../b.jpg', '../up', '/leading'],
  moto: ['line\nbreak.jpg'],
};

describe.each(SERVERS)('on %s', (name) => {
  let server: S3Server;
  let stores: Stores;
  let store: Store;

  beforeAll(async () => {
    server = await startServer(name, ['odd', 'many', 'things']);
    Object.assign(process.env, server.env);
    stores = openStores();

    store = stores.open('things');
  });

  afterAll(async () => {
    await stores.close();
    await server.stop();
  });

  async function listed(from: Store, prefix = '', startAfter = ''): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    for await (const page of from.list(prefix, { startAfter })) objects.push(...page);
    return objects;
  }

  describe('keys', () => {
    it('come back raw from a listing and are read, looked at and written as they are', async () => {
      const odd = stores.open('odd');
      const provenance = { fingerprint: 'f', run: 'r' };
      const held = ODD_KEYS.filter((key) => !BEYOND[name].includes(key));
      for (const key of held) {
        const source = `s3://src/${key}`;
        await odd.write(key, Buffer.from(`body of ${key}`), { provenance: { ...provenance, source } });
        expect((await odd.read(key)).body.toString()).toBe(`body of ${key}`);
        const head = await odd.head(key);
        expect(head?.provenance).toMatchObject(provenance);
        expect(head?.provenance !== undefined && isFrom(head.provenance, source)).toBe(true);
      }
      const keys = (await listed(odd)).map(({ key }) => key);
      expect(keys).toEqual([...held].sort((a, b) => Buffer.from(a).compare(Buffer.from(b))));
    });

    it('that cannot be keys are UnsafeKey', async () => {
      await expect(store.read('')).rejects.toMatchObject({ name: 'UnsafeKey' });
      await expect(store.read('half\ud800')).rejects.toMatchObject({ name: 'UnsafeKey' });
    });
  });

  describe('list', () => {
    const keys = Array.from({ length: 2300 }, (_, index) => `${index % 2 === 0 ? 'p' : 'P'}/${index} photo.jpg`);

    beforeAll(async () => {
      await Promise.all(keys.map((key) => stores.open('many').write(key, Buffer.from(key))));
    });

    it('gives every key once, in the order of bytes, over several pages', async () => {
      const found = await listed(stores.open('many'));
      expect(found.map(({ key }) => key)).toEqual(keys.toSorted());
      expect(found[0]).toMatchObject({
        bytes: 'P/1 photo.jpg'.length,
        storageClass: 'STANDARD',
        etag: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
      expect(found[0]?.lastModified).toBeGreaterThan(1_700_000_000_000);
    });

    it('starts at a prefix and after a key', async () => {
      const after = keys.filter((key) => key.startsWith('p/')).toSorted()[700] ?? '';
      const found = (await listed(stores.open('many'), 'p/', after)).map(({ key }) => key);
      expect(found).toEqual(keys.filter((key) => key.startsWith('p/') && key > after).toSorted());
    });

    it('stops at as many as are enough', async () => {
      const pages: number[] = [];
      for await (const page of stores.open('many').list('p/', { atMost: 2 })) pages.push(page.length);
      expect(pages).toEqual([2]);
    });

    it('can be left early, and be aborted', async () => {
      for await (const page of stores.open('many').list('')) {
        expect(page).toHaveLength(1000);
        break;
      }
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(stores.open('many').list('', { signal })[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
    });

    it('of a bucket that is not there is BucketNotFound', async () => {
      await expect(listed(stores.open('nowhere'))).rejects.toMatchObject({ name: 'BucketNotFound' });
    });
  });

  describe('read', () => {
    it('answers body, ETag and content type', async () => {
      const written = await store.write('typed', Buffer.from('x'), { contentType: 'image/webp' });
      expect(await store.read('typed')).toEqual({
        body: Buffer.from('x'),
        etag: written?.etag,
        contentType: 'image/webp',
      });
    });

    it('of an empty object is empty', async () => {
      await store.write('empty', Buffer.alloc(0));
      expect((await store.read('empty')).body).toHaveLength(0);
    });

    it('of what is too large says so, naming both numbers', async () => {
      await store.write('large', Buffer.alloc(1001));
      const error = { name: 'TooManyBytes', expected: 'at most 1000 bytes', met: '1001 bytes' };
      await expect(store.read('large', { maxBytes: 1000 })).rejects.toMatchObject(error);
      expect((await store.read('large', { maxBytes: 1001 })).body).toHaveLength(1001);
    });

    it('of what is not there is SourceNotFound, and head is undefined', async () => {
      await expect(store.read('nothing')).rejects.toMatchObject({
        name: 'SourceNotFound',
        message: expect.stringContaining('s3://things/nothing'),
      });
      await expect(store.open('nothing')).rejects.toMatchObject({ name: 'SourceNotFound' });
      expect(await store.head('nothing')).toBeUndefined();
    });
  });

  describe('write', () => {
    it('keeps cache control and user metadata beside the provenance', async () => {
      const provenance = { source: 's3://src/é.jpg', fingerprint: 'abc', run: 'run-1' };
      await store.write('dressed', Buffer.from('x'), {
        cacheControl: 'max-age=60',
        metadata: { title: 'T' },
        tags: { team: 'a b' },
        provenance,
      });
      const output = await server.client.send(new GetObjectCommand({ Bucket: 'things', Key: 'dressed' }));
      expect(output.CacheControl).toBe('max-age=60');
      expect(output.Metadata).toEqual({
        title: 'T',
        'image-fanout-source': 's3://src/%C3%A9.jpg',
        'image-fanout-fingerprint': 'abc',
        'image-fanout-run': 'run-1',
      });
    });

    it('knows no provenance of what others wrote', async () => {
      await store.write('plain', Buffer.from('x'), { metadata: { mine: 'yes' } });
      expect(await store.head('plain')).not.toHaveProperty('provenance');
    });

    it('expecting nothing to be there happens once', async () => {
      const answers = await Promise.all(
        ['a', 'b', 'c'].map((body) => store.write('first', Buffer.from(body), { expect: 'absent' })),
      );
      expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
      const winner = ['a', 'b', 'c'][answers.findIndex((answer) => answer !== undefined)];
      expect((await store.read('first')).body.toString()).toBe(winner);
    });

    it('expecting a version happens only to that version', async () => {
      const one = await store.write('versioned', Buffer.from('1'));
      const two = await store.write('versioned', Buffer.from('2'), { expect: { etag: one?.etag ?? '' } });
      expect(two).toBeDefined();
      expect(await store.write('versioned', Buffer.from('3'), { expect: { etag: one?.etag ?? '' } })).toBeUndefined();
      expect(await store.write('unversioned', Buffer.from('3'), { expect: { etag: one?.etag ?? '' } })).toBeUndefined();
      expect((await store.read('versioned')).body.toString()).toBe('2');
    });
  });

  describe('save and open', () => {
    async function* pieces(count: number): AsyncGenerator<string> {
      for (let index = 0; index < count; index++) yield `${index}`.padEnd(1_000_000, '.');
    }

    it.each([0, 1, 20])('carry a stream of %i megabytes', async (count) => {
      await store.save(`stream-${count}`, pieces(count), { contentType: 'application/x-ndjson' });
      const chunks: Buffer[] = [];
      for await (const chunk of await store.open(`stream-${count}`)) chunks.push(chunk);
      const whole = Buffer.concat(chunks).toString();
      expect(whole).toHaveLength(count * 1_000_000);
      for (let index = 0; index < count; index++)
        expect(whole.slice(index * 1e6, index * 1e6 + 3)).toBe(`${index}`.padEnd(3, '.'));
    });

    it('leaves nothing when the stream breaks', async () => {
      async function* broken(): AsyncGenerator<string> {
        yield* pieces(18);
        throw new Error('the source broke');
      }
      await expect(store.save('broken', broken())).rejects.toThrow('the source broke');
      expect(await store.head('broken')).toBeUndefined();
    });

    it('open notices that the object was replaced between two pieces', async () => {
      await store.save('replaced', pieces(20));
      const stream = (await store.open('replaced'))[Symbol.asyncIterator]();
      await stream.next();
      await store.save('replaced', pieces(19));
      const rest = (async () => {
        for (let next = await stream.next(); next.done !== true; next = await stream.next());
      })();
      await expect(rest).rejects.toMatchObject({
        name: 'SourceNotFound',
        message: expect.stringContaining('replaced'),
      });
    });
  });
});
