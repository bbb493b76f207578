// Which jobs have a canary, and which keys go first: spread over a listing however long it is.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../lambda/job/job.ts';
import type { PreparedJob } from '../../../lambda/job/prepared.ts';
import { canaryOf, jumps, toleratedShare } from '../../../lambda/prepare/canary.ts';
import { leastCost } from '../../../lambda/prepare/cap.ts';
import type { Store } from '../../../lambda/store/store.ts';
import { preparedJob } from '../../helpers/prepared-job.ts';

/** A bucket of sorted keys that counts what it is asked. */
function bucket(keys: readonly string[], slow = 0) {
  const asked = { lists: 0 };
  const store = {
    async *list(prefix: string, { startAfter = '', atMost = Number.POSITIVE_INFINITY } = {}) {
      let at = keys.findIndex((key) => key.startsWith(prefix) && key > startAfter);
      if (at < 0) return;
      for (let left = atMost; left > 0 && at < keys.length; at += 1000, left -= 1000) {
        asked.lists += 1;
        if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
        const page = keys.slice(at, at + Math.min(1000, left)).filter((key) => key.startsWith(prefix));
        if (page.length === 0) return;
        yield page.map((key) => ({ key, etag: '', bytes: 1, lastModified: 0, storageClass: 'STANDARD' }));
      }
    },
    open: async () => Readable.from(keys.map((key) => `${JSON.stringify({ key })}\n`)),
  } as unknown as Store;
  return { store, asked, open: () => store };
}

const sorted = (count: number, name: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => name(index)).sort();
const tolerant = (more: Partial<PreparedJob> = {}): PreparedJob => ({
  ...preparedJob('/tmp', 'runs/a/'),
  source: { bucket: 'photos', prefix: 'in/' },
  reader: { kind: 'LIST', bucket: 'photos', prefix: 'in/' },
  include: ['**'],
  exclude: [],
  toleratedFailureCount: 100_000_000,
  toleratedFailurePercentage: 5,
  ...more,
});
const many = sorted(10_001, (index) => `in/${String(index).padStart(6, '0')}.jpg`);

describe('a job has a canary', () => {
  const of = (job: PreparedJob, asked: Job['canary'], keys = many) => canaryOf(job, asked, bucket(keys));

  it('by itself when failures are tolerated and there are more than 10,000 keys', async () => {
    const canary = await of(tolerant(), undefined);
    expect(canary?.items).toHaveLength(100);
    expect(canary?.toleratedFailurePercentage).toBe(5);
    expect(await of(tolerant(), undefined, many.slice(1))).toBeUndefined();
    expect(await of(tolerant({ toleratedFailureCount: 0 }), undefined)).toBeUndefined();
    expect(await of(tolerant({ toleratedFailurePercentage: 0 }), undefined)).toBeUndefined();
    expect(await of(tolerant({ toleratedFailurePercentage: 100 }), undefined)).toBeUndefined();
  });

  it('when it asks for one, however few keys there are, and none when it says no', async () => {
    expect((await of(tolerant(), { keys: 7 }))?.items).toHaveLength(7);
    expect((await of(tolerant({ toleratedFailureCount: 0 }), true, many.slice(0, 3)))?.items).toHaveLength(3);
    expect(await of(tolerant(), false)).toBeUndefined();
  });

  it('of keys that are meant only', async () => {
    const canary = await of(tolerant({ include: ['*5.jpg'] }), { keys: 20 });
    expect(canary?.items.every((item) => (item as { key: string }).key.endsWith('5.jpg'))).toBe(true);
  });

  it('whose keys fit into a state', async () => {
    const long = sorted(500, (index) => `in/${index}${'x'.repeat(900)}.jpg`);
    const canary = await of(tolerant(), { keys: 500 }, long);
    expect(JSON.stringify(canary?.items).length).toBeLessThan(25_000);
    expect(canary?.items.length).toBeGreaterThan(10);
  });

  it('over a list of lines too; of another manifest, which Prepare cannot read, it says so', async () => {
    const jsonl = tolerant({ reader: { kind: 'JSONL', bucket: 'photos', key: 'list.jsonl' } });
    expect((await of(jsonl, undefined))?.items).toHaveLength(100);
    const csv = tolerant({ reader: { kind: 'CSV', bucket: 'photos', key: 'list.csv' } });
    await expect(of(csv, true)).rejects.toThrow(/canary: expected a listing, keys, JSONL or plain text/);
    expect(await of(csv, undefined)).toBeUndefined();
  });
});

it('tolerates what the whole run does, in share', () => {
  expect(toleratedShare(tolerant({ toleratedFailureCount: 10 }), 1000)).toBe(1);
  expect(toleratedShare(tolerant({ toleratedFailureCount: 900 }), 1000)).toBe(5);
  expect(toleratedShare(tolerant({ toleratedFailurePercentage: 100 }), 1000)).toBe(100);
});

describe('a listing too long to be gone through is looked into all over', () => {
  it.each<[string, (index: number) => string]>([
    ['numbers', (index) => `in/${String(index).padStart(9, '0')}.jpg`],
    [
      'years and months',
      (index) => `in/${2010 + (index % 17)}/${String((index % 12) + 1).padStart(2, '0')}/${index}.jpg`,
    ],
    ['UUIDs', (index) => `in/${((index * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}.jpg`],
  ])('%s', async (_, name) => {
    const keys = sorted(20_000, name);
    const { store, asked } = bucket(keys);
    const found = await jumps(store, 'in/', keys[0] as string);
    const places = found.map((key) => keys.indexOf(key) / keys.length);
    const quarters = [0, 1, 2, 3].map((quarter) => places.filter((place) => Math.floor(place * 4) === quarter).length);
    expect(Math.min(...quarters), String(quarters)).toBeGreaterThan(100);
    expect(asked.lists).toBeLessThan(100);
  });
});

describe('what keys cost at least', () => {
  it('is the whole of it on AWS, with a third of the guessed time, and here the requests', () => {
    const prepare = { ms: 0, mb: 0, gets: 0, puts: 0 };
    const here = tolerant({ destination: { bucket: 'site', prefix: '' } });
    const aws = { ...here, deployment: { region: 'us-east-1', architecture: 'arm64' as const, memory: 1769, prepare } };
    const { length } = here.recipe.outputs;
    expect(leastCost(here, 1000)).toBeCloseTo(1000 * ((2 + length) * 0.4e-6 + length * 5e-6), 9);
    expect(leastCost(aws, 1000)).toBeGreaterThan(leastCost(here, 1000));
  });
});
