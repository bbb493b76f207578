// Whole runs through a proxy that breaks S3: what passes fails no run, what does not ends in its class, and throttling is no failure.
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JobInput } from '../../lambda/job/job.ts';
import type { Process } from '../../lambda/process/process.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { S3Options } from '../../lambda/store/s3-client.ts';
import {
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  randomFaults,
  startFaultProxy,
  TRANSIENT_FAULTS,
} from '../helpers/fault-proxy.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { runJob, TINY, tinyImage, type Where } from './job-run.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `${String(index).padStart(2, '0')} photo+é.jpg`);
const closing: (() => Promise<unknown>)[] = [];
let server: S3Server;
let reference: Map<string, string>;
let destinations = 0;

beforeAll(async () => {
  server = await startS3Server(['photos', 'renditions']);
  Object.assign(process.env, server.env);
  for (const [index, key] of KEYS.entries()) await put(key, await tinyImage('jpeg', index));
  const { where } = await through(undefined);
  await runJob(where, { recipe: TINY });
  reference = await outputsOf(where);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => server.stop());

async function put(key: string, body: Buffer): Promise<void> {
  await server.client.send(new PutObjectCommand({ Bucket: 'photos', Key: `in/${key}`, Body: body }));
}

/** A new destination, and the way to it through a proxy. */
async function through(
  choose: FaultProxyOptions['choose'],
  { latencyMs, ...options }: S3Options & Pick<FaultProxyOptions, 'latencyMs'> = {},
): Promise<{ where: Where; proxy: FaultProxy }> {
  const proxy = await startFaultProxy({
    target: server.endpoint,
    ...(choose === undefined ? {} : { choose }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
  });
  const stores = openStores({ s3: { endpoint: proxy.endpoint, stallTimeoutMs: 300, ...options } });
  closing.push(
    () => proxy.stop(),
    () => stores.close(),
  );
  const where = {
    source: { bucket: 'photos', prefix: 'in/' },
    destination: { bucket: 'renditions', prefix: `out-${++destinations}/` },
    open: stores.open,
  };
  return { where, proxy };
}

/** What the server itself holds below a destination, the run's own files aside. */
async function outputsOf({ destination: { bucket, prefix } }: Where): Promise<Map<string, string>> {
  const stores = openStores({ s3: { client: server.client } });
  const found = new Map<string, string>();
  for await (const page of stores.open(bucket).list(prefix)) {
    for (const { key, etag } of page) {
      const name = key.slice(prefix.length);
      if (!name.startsWith('.image-fanout/')) found.set(name, etag);
    }
  }
  return found;
}

/** Whether a request is for the body of this source. */
const reads = ({ method, url }: { method: string; url: string }, key: string) =>
  method === 'GET' && decodeURIComponent(url.split('?')[0] ?? '').endsWith(`/in/${key}`);

/** Acts before the handler gets a key. */
const justBefore =
  (key: string, act: () => Promise<unknown>) =>
  (handler: Process): Process =>
  async (event, context) => {
    if (JSON.stringify(event.Items).includes(key)) await act();
    return await handler(event, context);
  };

describe('what passes', () => {
  test.each([1, 2])('fails no run, however often it happens: seed %i', async (seed) => {
    const random = randomFaults(seed, 0.25, TRANSIENT_FAULTS);
    const { where, proxy } = await through(({ url }) => {
      const fault = random();
      // A listing has no checksum: only TLS can keep its bytes.
      return fault === 'flip' && url.includes('list-type=2') ? undefined : fault;
    });
    const { summary, code } = await runJob(where, { recipe: TINY, maxConcurrency: 16 });
    expect(summary.errors).toEqual([]);
    expect(code).toBe(0);
    expect(summary.counts).toMatchObject({ total: KEYS.length, succeeded: KEYS.length });
    expect(summary.check.balanced).toBe(true);
    expect(await outputsOf(where)).toEqual(reference);
    expect(proxy.requests.filter(({ fault }) => fault !== undefined).length).toBeGreaterThan(30);
  });

  test('throttling lowers the requests at once, and no key fails', async () => {
    const limits: number[] = [];
    let inFlight = 0;
    const atMostSix = async (): Promise<Fault | undefined> => {
      inFlight += 1;
      const fault = inFlight > 6 ? 'slowDown' : undefined;
      await sleep(5);
      inFlight -= 1;
      return fault;
    };
    const options = { mostRequests: 32, onThrottle: ({ limit }: { limit: number }) => limits.push(limit) };
    const { where } = await through(atMostSix, options);
    const { summary, code } = await runJob(where, { recipe: TINY, maxConcurrency: 32 });
    expect({ code, failed: summary.counts.failed }).toEqual({ code: 0, failed: 0 });
    expect(limits.length).toBeGreaterThan(0);
    expect(Math.min(...limits)).toBeLessThan(32);
    expect(await outputsOf(where)).toEqual(reference);
  });
});

test('a run with nothing to do costs one HEAD per key, and reads no source', async () => {
  const { where, proxy } = await through(undefined);
  expect((await runJob(where, { recipe: TINY })).summary.counts.succeeded).toBe(KEYS.length);
  const earlier = proxy.requests.length;
  expect((await runJob(where, { recipe: TINY })).summary.skipped).toEqual({ upToDate: KEYS.length });
  const again = proxy.requests.slice(earlier).filter(({ url }) => !url.includes('.image-fanout'));
  expect(again.filter(({ method }) => method === 'HEAD')).toHaveLength(KEYS.length);
  // Prepare looks whether there is anything, the Map Run lists.
  const others = again.filter(({ method }) => method !== 'HEAD');
  expect(others).toHaveLength(2);
  for (const { url } of others) expect(url).toContain('list-type=2');
});

test('the records of 4,000 keys that are skipped at a glance are a handful of objects, each read once for the account', async () => {
  const keys = Array.from({ length: 4000 }, (_, index) => `many/${index} no image.txt`);
  for (let at = 0; at < keys.length; at += 100) {
    const some = keys.slice(at, at + 100);
    await Promise.all(
      some.map((Key) => server.client.send(new PutObjectCommand({ Bucket: 'photos', Key, Body: 'x' }))),
    );
  }
  const { where, proxy } = await through(() => 'latency', { latencyMs: 50 });
  const source = { bucket: 'photos', prefix: 'many/' };
  const { summary } = await runJob({ ...where, source }, { recipe: TINY, maxConcurrency: 16 });
  expect(summary).toMatchObject({ counts: { total: 4000, skipped: 4000 }, check: { balanced: true } });
  const records = proxy.requests.filter(({ url }) => /\/(ITEMS|SUCCEEDED|FAILED|PENDING)_/.test(url));
  expect(records.filter(({ method }) => method === 'PUT').length).toBeLessThanOrEqual(12);
  const reads = records.filter(({ method }) => method === 'GET').map(({ url }) => url);
  expect(reads.filter((url, place) => reads.indexOf(url) !== place)).toEqual([]);
});

describe('what does not pass', () => {
  const victim = KEYS[7] as string;
  const job: JobInput = { recipe: TINY, maxConcurrency: 4 };

  test.each<[Fault, string]>([
    ['denied', 'AccessDenied'],
    ['expired', 'ExpiredCredentials'],
  ])('%s is %s at once, and stops the run', async (fault, error) => {
    const { where, proxy } = await through((request) => (reads(request, victim) ? fault : undefined));
    const { summary, code, rows } = await runJob(where, job);
    expect(code).toBe(2);
    expect(summary.firstFailure).toMatchObject({ key: `in/${victim}`, error });
    expect(summary.counts).toMatchObject({ total: KEYS.length, failed: 1 });
    expect(summary.counts.pending).toBeGreaterThan(0);
    expect(rows).toHaveLength(KEYS.length);
    expect(proxy.requests.filter((request) => reads(request, victim))).toHaveLength(1);
  });

  test('an object deleted between listing and reading is SourceNotFound', async () => {
    const { where } = await through(undefined);
    const body = await tinyImage('jpeg', KEYS.indexOf(victim));
    const remove = () => server.client.send(new DeleteObjectCommand({ Bucket: 'photos', Key: `in/${victim}` }));
    const { summary, code } = await runJob(
      where,
      { ...job, toleratedFailureCount: 1 },
      { around: justBefore(victim, remove) },
    );
    expect(code).toBe(3);
    expect(summary.errors).toMatchObject([{ name: 'SourceNotFound', count: 1, examples: [{ key: `in/${victim}` }] }]);
    expect(summary.counts).toMatchObject({ succeeded: KEYS.length - 1, failed: 1, pending: 0 });
    await put(victim, body);
  });

  test('an object replaced between listing and reading is taken as it is now, and known as that', async () => {
    const { where } = await through(undefined);
    const body = await tinyImage('jpeg', KEYS.indexOf(victim));
    const replace = async () => put(victim, await tinyImage('jpeg', 250));
    const { code, rows } = await runJob(where, job, { around: justBefore(victim, replace) });
    expect(code).toBe(0);
    expect(rows[7]).toMatchObject({ key: `in/${victim}`, status: 'succeeded' });
    expect((await runJob(where, job)).summary.skipped).toEqual({ upToDate: KEYS.length });
    await put(victim, body);
    const { summary } = await runJob(where, job);
    expect(summary.counts).toMatchObject({ succeeded: 1, skipped: KEYS.length - 1 });
    expect(await outputsOf(where)).toEqual(reference);
  });

  test('a body that stalls for ever costs its own key, and no more than its time', async () => {
    const { where } = await through((request) => (reads(request, victim) ? 'stall' : undefined), {
      stallTimeoutMs: 60_000,
    });
    const limited: JobInput = { ...job, limits: { milliseconds: 1_500 }, toleratedFailureCount: 1 };
    const { summary, code } = await runJob(where, limited);
    expect(code).toBe(3);
    expect(summary.errors).toMatchObject([{ name: 'ImageTimeout', count: 1, examples: [{ key: `in/${victim}` }] }]);
    expect(summary.errors[0]?.examples[0]?.message).toContain('not done after 1500 milliseconds, still reading');
    expect(summary.counts).toMatchObject({ succeeded: KEYS.length - 1, pending: 0 });
  });

  test('a key that runs out of time while it is tried again says for what, and that is told while it is', async () => {
    const told: string[] = [];
    const { where } = await through((request) => (reads(request, victim) ? 'resetBefore' : undefined), {
      onRetry: ({ name }, milliseconds) => told.push(`${name} ${milliseconds > 0}`),
    });
    const { summary } = await runJob(where, { ...job, limits: { milliseconds: 1_500 }, toleratedFailureCount: 1 });
    expect(summary.errors[0]?.examples[0]?.message).toMatch(
      /^not done after 1500 milliseconds, still reading; trying again after ConnectionLost: GetObject s3:\/\/photos\/in\//,
    );
    expect(told).toContain('ConnectionLost true');
  });
});
