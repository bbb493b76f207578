// `run --threads`: the same outputs, account and ends as on the engine's own thread, and the same care between threads as within one.
import { link, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import { summarySchema } from '../../lambda/report/summary.ts';
import { isFull } from '../../lib/cli/threads.ts';
import { startS3Server } from '../helpers/s3-server.ts';
import { type Ended, outputsIn, run, start, startIn, type Workplace, workplace } from './program.ts';

let place: Workplace;
beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

const summaryOf = ({ stdout }: Ended) => summarySchema.parse(JSON.parse(stdout));
const rowsOf = async (folder: string) => {
  const rows = (await readFile(join(folder, 'items.csv'), 'utf8')).trim().split('\n').slice(1);
  return rows.map((row) => row.split(',').slice(0, 5).join(','));
};

test('makes the same outputs and the same account', async () => {
  const source = await place.images('same', 40);
  const folders = await Promise.all(
    ['0', '3'].map(async (threads) => {
      const ended = await run(
        'run',
        source,
        `${source}-${threads}`,
        '--recipe',
        'thumbnail',
        '--json',
        '--threads',
        threads,
      );
      expect(ended.code).toBe(0);
      const { counts, report } = summaryOf(ended);
      expect(counts).toEqual({ total: 40, succeeded: 40, skipped: 0, failed: 0, pending: 0 });
      return report;
    }),
  );
  const [own = [], theirs = []] = await Promise.all(['0', '3'].map((threads) => outputsIn(`${source}-${threads}`)));
  expect(theirs).toEqual(own);
  for (const file of own) {
    expect(await readFile(join(`${source}-3`, file)), file).toEqual(await readFile(join(`${source}-0`, file)));
  }
  const [mine, others] = await Promise.all(folders.map(rowsOf));
  expect(others?.map((row) => row.replace(`${source}-3`, ''))).toEqual(
    mine?.map((row) => row.replace(`${source}-0`, '')),
  );
  const again = await run('run', source, `${source}-3`, '--recipe', 'thumbnail', '--json', '--threads', '2');
  expect(summaryOf(again).skipped).toEqual({ upToDate: 40 });
});

test('two sources of one output meet as in one thread: one is written, the other is a collision', async () => {
  const source = await place.images('meet', 12);
  for (let at = 0; at < 12; at++) {
    const name = join(source, String(at).padStart(4, '0'));
    await link(`${name}.jpg`, `${name}.jpeg`);
  }
  const ended = await run(
    'run',
    source,
    `${source}-out`,
    '--recipe',
    'thumbnail',
    '--json',
    '--threads',
    '4',
    '--tolerated-failure-count',
    '99',
  );
  const summary = summaryOf(ended);
  expect(summary.counts).toMatchObject({ total: 24, succeeded: 12, failed: 12, pending: 0 });
  expect(summary.errors.map(({ name, count }) => [name, count])).toEqual([['OutputCollision', 12]]);
  expect(ended.code).toBe(3);
});

test('stops at the first failure, and leaves the rest pending', async () => {
  const source = await place.images('bad', 200);
  await writeFile(join(source, '0000-bad.jpg'), 'no image');
  const ended = await run('run', source, `${source}-out`, '--recipe', 'thumbnail', '--json', '--threads', '2');
  const { counts, check, status } = summaryOf(ended);
  expect([ended.code, status, check.balanced]).toEqual([2, 'stoppedByFailures', true]);
  expect(counts.failed).toBe(1);
  expect(counts.pending).toBeGreaterThan(50);
});

test('drains on Ctrl-C, and carries on', async () => {
  const source = await place.images('drain', 150);
  const out = `${source}-out`;
  const started = start('run', source, out, '--recipe', 'thumbnail', '--json', '--threads', '2');
  while ((await outputsIn(out).catch(() => [])).length === 0) await sleep(50);
  started.kill('SIGINT');
  const ended = await started.ended;
  const { counts, check, status } = summaryOf(ended);
  expect([ended.code, status, check.balanced]).toEqual([130, 'interrupted', true]);
  expect(counts.pending).toBeGreaterThan(0);
  const resumed = await run('run', '--resume', out, '--json', '--threads', '3');
  expect([resumed.code, summaryOf(resumed).counts.pending]).toEqual([0, 0]);
});

test('a glob is unused when no thread has met a key of it', async () => {
  const source = await place.images('globs', 20);
  const globs = ['--include', '0001.*', '--include', '0017.*', '--include', 'none.*'];
  const { stderr } = await run('run', source, `${source}-out`, '--recipe', 'thumbnail', '--threads', '3', ...globs);
  expect(stderr.match(/The glob .*? matched none/g)).toEqual(['The glob "none.*" matched none']);
});

test('reads from and writes to S3', async () => {
  const s3 = await startS3Server(['photos', 'small']);
  onTestFinished(() => s3.stop());
  const Body = await sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  for (let at = 0; at < 12; at++)
    await s3.client.send(new PutObjectCommand({ Bucket: 'photos', Key: `in/${at}.jpg`, Body }));
  const argv = ['run', 's3://photos/in/', 's3://small/out/', '--recipe', 'thumbnail', '--json', '--threads', '2'];
  expect(summaryOf(await startIn(s3.env, ...argv).ended).counts.succeeded).toBe(12);
  expect(summaryOf(await startIn(s3.env, ...argv).ended).skipped).toEqual({ upToDate: 12 });
});

test.each(['-1', '65', '2.5', 'many', ''])('refuses --threads %j', async (threads) => {
  const { code, stderr } = await run('run', '.', '.', `--threads=${threads}`);
  expect(code).toBe(1);
  expect(stderr).toContain(`--threads: expected a whole number from 0 to 64, got ${JSON.stringify(threads)}`);
});

describe('more threads', () => {
  it.each<[utilization: number, used: number, full: boolean]>([
    [0.95, 0.4, true],
    [0.95, 0.95, false],
    [0.5, 0.4, false],
  ])('at %d of the engine’s thread and %d of the processors: %s', (utilization, used, full) => {
    expect(isFull(utilization, used)).toBe(full);
  });
});
