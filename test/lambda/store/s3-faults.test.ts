// Each fault that a network and a service can have ends in the right class, and what a second try can mend is mended.
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStores } from '../../../lambda/store/open.ts';
import type { S3Options } from '../../../lambda/store/s3-client.ts';
import type { Store } from '../../../lambda/store/store.ts';
import {
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  plannedFaults,
  startFaultProxy,
} from '../../helpers/fault-proxy.ts';
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts';

const BODY = Buffer.alloc(300_000, 'photo');
const closing: (() => Promise<unknown>)[] = [];
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server(['bucket']);
  Object.assign(process.env, server.env);
  await put('photo', BODY);
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

afterAll(() => server.stop());

async function put(key: string, body: Buffer): Promise<void> {
  await server.client.send(new PutObjectCommand({ Bucket: 'bucket', Key: key, Body: body }));
}

async function through(
  choose: FaultProxyOptions['choose'],
  options: S3Options = {},
): Promise<{ store: Store; proxy: FaultProxy }> {
  const proxy = await startFaultProxy({ target: server.endpoint, ...(choose === undefined ? {} : { choose }) });
  const stores = openStores({ s3: { endpoint: proxy.endpoint, stallTimeoutMs: 300, deadlineMs: 2_000, ...options } });
  closing.push(
    () => proxy.stop(),
    () => stores.close(),
  );
  return { store: stores.open('bucket'), proxy };
}

const ANY_FAULTS: readonly (readonly [Fault, string])[] = [
  ['slowDown', 'Throttled'],
  ['internalError', 'ServiceUnavailable'],
  ['resetBefore', 'ConnectionLost'],
  ['resetWithin', 'ConnectionLost'],
  ['resetAfter', 'ConnectionLost'],
  ['stall', 'RequestTimeout'],
  ['flip', 'ChecksumMismatch'],
];

const READ_FAULTS: typeof ANY_FAULTS = [
  ...ANY_FAULTS,
  ['truncate', 'ConnectionLost'],
  ['cut', 'ChecksumMismatch'],
  ['wrongChecksum', 'ChecksumMismatch'],
];

describe('a fault while reading', () => {
  it.each(READ_FAULTS)('%s is mended by another try', async (fault) => {
    const { store, proxy } = await through(plannedFaults(fault, fault));
    expect((await store.read('photo')).body.equals(BODY)).toBe(true);
    expect(proxy.requests).toHaveLength(3);
  });

  it.each(READ_FAULTS)('%s that does not end is %s when the deadline is over', async (fault, name) => {
    const { store, proxy } = await through(() => fault, { deadlineMs: 400 });
    await expect(store.read('photo')).rejects.toMatchObject({ name });
    expect(proxy.requests.length).toBeGreaterThan(1);
  });

  it('wrong bytes are noticed by the ETag where there is no checksum', async () => {
    const plain = new PutObjectCommand({ Bucket: 'bucket', Key: 'unchecked', Body: BODY });
    plain.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        for (const name of Object.keys(headers)) if (/checksum/.test(name)) delete headers[name];
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    await server.client.send(plain);
    const { store, proxy } = await through(plannedFaults('flip', 'cut'));
    expect((await store.read('unchecked')).body.equals(BODY)).toBe(true);
    expect(proxy.requests).toHaveLength(3);
  });

  it('a streamed object is mended too', async () => {
    const { store } = await through(plannedFaults('resetWithin', 'truncate', 'flip', 'slowDown'));
    const chunks: Buffer[] = [];
    for await (const chunk of await store.open('photo')) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(BODY)).toBe(true);
  });

  it('a streamed object of several pieces loses no part of one', async () => {
    const large = Buffer.alloc(10_000_000, 'piece');
    await put('large', large);
    const { store } = await through(plannedFaults('cut', 'truncate', undefined, 'cut', 'resetWithin'));
    const chunks: Buffer[] = [];
    for await (const chunk of await store.open('large')) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(large)).toBe(true);
  });

  it.each([
    ['expired', 'ExpiredCredentials'],
    ['denied', 'AccessDenied'],
  ] as const)('%s is %s at once, for HEAD and lists too', async (fault, name) => {
    const { store, proxy } = await through(() => fault);
    await expect(store.read('photo')).rejects.toMatchObject({ name });
    await expect(store.write('other', BODY)).rejects.toMatchObject({ name });
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ name });
    expect(proxy.requests).toHaveLength(3);
    await expect(store.head('photo')).rejects.toMatchObject({ name });
    expect(proxy.requests).toHaveLength(5);
  });

  it('a request that takes too long as a whole is RequestTimeout', async () => {
    const { store } = await through(() => 'stall', { stallTimeoutMs: 10_000, requestTimeoutMs: 150, deadlineMs: 300 });
    await expect(store.read('photo')).rejects.toMatchObject({
      name: 'RequestTimeout',
      message: expect.stringContaining('150 ms'),
    });
  });

  it('nobody listening is ConnectionLost', async () => {
    const { store, proxy } = await through(undefined, { deadlineMs: 200 });
    await proxy.stop();
    await expect(store.read('photo')).rejects.toMatchObject({ name: 'ConnectionLost' });
  });

  it('an object that is deleted between listing and reading is SourceNotFound at once', async () => {
    await put('fleeting', BODY);
    const { store, proxy } = await through(async ({ method }) => {
      if (method === 'GET') await server.client.send(new DeleteObjectCommand({ Bucket: 'bucket', Key: 'fleeting' }));
      return undefined;
    });
    await expect(store.read('fleeting')).rejects.toMatchObject({ name: 'SourceNotFound' });
    expect(proxy.requests).toHaveLength(1);
  });

  it('an object that is replaced between two tries is read as one version', async () => {
    await put('changing', BODY);
    const newer = Buffer.alloc(200_000, 'newer');
    const { store } = await through(async ({ number }) => {
      if (number === 0) return 'truncate';
      await put('changing', newer);
      return undefined;
    });
    expect((await store.read('changing')).body.equals(newer)).toBe(true);
  });

  it('an abort ends the waiting with its reason', async () => {
    const { store } = await through(() => 'stall', { stallTimeoutMs: 10_000, deadlineMs: 60_000 });
    const controller = new AbortController();
    const reading = store.read('photo', { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('stopped by hand')), 50);
    await expect(reading).rejects.toThrow('stopped by hand');
  });
});

describe('a fault while writing', () => {
  it.each(ANY_FAULTS)('%s is mended by another try', async (fault) => {
    const { store } = await through(plannedFaults(fault, fault));
    expect(await store.write(`out/${fault}`, BODY)).toBeDefined();
    expect((await store.read(`out/${fault}`)).body.equals(BODY)).toBe(true);
  });

  it.each(ANY_FAULTS)('%s that does not end is %s when the deadline is over', async (fault, name) => {
    const { store } = await through(() => fault, { deadlineMs: 400 });
    await expect(store.write('never', BODY)).rejects.toMatchObject({ name });
  });

  it.each(['resetAfter', 'stall'] as const)(
    '%s hides that the write took place: the second try finds itself',
    async (fault) => {
      const { store } = await through(plannedFaults(fault));
      const provenance = { source: 's3://src/ä', fingerprint: 'f', run: 'r' };
      expect(await store.write(`lost/${fault}`, BODY, { expect: 'absent' })).toBeDefined();
      const written = await store.write(`lost/${fault}/ours`, BODY, { expect: 'absent', provenance });
      expect(await store.head(`lost/${fault}/ours`)).toMatchObject({ etag: written?.etag, provenance: { run: 'r' } });
    },
  );

  it('a lost answer does not make ours what another wrote', async () => {
    const { store } = await through(async ({ number }) => {
      if (number !== 0) return undefined;
      await put('contested', Buffer.from('by another'));
      return 'resetBefore';
    });
    expect(await store.write('contested', BODY, { expect: 'absent' })).toBeUndefined();
  });

  it.each(['resetAfter', 'stall'] as const)(
    '%s hides that an upload was completed: the second try finds it so',
    async (fault) => {
      const { store } = await through(({ method, url }) => {
        const completes = method === 'POST' && url.includes('uploadId') && !completed;
        completed ||= completes;
        return completes ? fault : undefined;
      });
      let completed = false;
      await store.save(`completed-${fault}`, [Buffer.alloc(9_000_000, 'a')].values() as never);
      expect(completed).toBe(true);
      expect(await store.head(`completed-${fault}`)).toMatchObject({ bytes: 9_000_000 });
    },
  );

  it('a stream that is saved is mended part by part', async () => {
    const { store } = await through(
      plannedFaults('slowDown', 'resetBefore', undefined, 'internalError', 'resetWithin'),
    );
    await store.save('stream', [Buffer.alloc(9_000_000, 'a'), Buffer.alloc(9_000_000, 'b')].values() as never);
    expect(await store.head('stream')).toMatchObject({ bytes: 18_000_000 });
  });
});

describe('a listing', () => {
  it('is mended page by page', async () => {
    const { store } = await through(plannedFaults('slowDown', 'truncate', 'resetWithin', 'stall', 'cut'));
    const keys: string[] = [];
    for await (const page of store.list('photo')) keys.push(...page.map(({ key }) => key));
    expect(keys).toEqual(['photo']);
  });
});

describe('throttling', () => {
  it('lowers how many requests run at once, and fails none', async () => {
    const limits: number[] = [];
    let answered = 0;
    const { store } = await through(() => (answered++ < 40 ? 'slowDown' : undefined), {
      mostRequests: 16,
      onThrottle: ({ limit }) => limits.push(limit),
      deadlineMs: 20_000,
    });
    const bodies = await Promise.all(Array.from({ length: 64 }, () => store.read('photo')));
    expect(bodies.every(({ body }) => body.equals(BODY))).toBe(true);
    expect(limits[0]).toBe(8);
  });
});
