// What is told after a run's end: from the execution's output, from the result files, or from the reason why there are none.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryLocation } from '../../../lambda/contract/location.ts';
import { createEnded, type StatusChange } from '../../../lambda/report/ended.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';

let results: string;
let stores: Stores;
let told: { subject: string; body: string }[];
beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'image-fanout-ended-'));
  stores = openStores();
  told = [];
});
afterEach(async () => {
  await stores.close();
  await rm(results, { recursive: true, force: true });
});

const ended = (detail: Partial<StatusChange['detail']>) =>
  createEnded({
    open: stores.open,
    results: directoryLocation(results),
    notify: async (subject, body) => void told.push({ subject, body }),
    pollMilliseconds: 5,
  })({
    detail: { name: 'the-run', status: 'FAILED', startDate: 1_551_225_146_847, stopDate: 1_551_225_151_881, ...detail },
  });

/** The run's folder as Step Functions leaves it: one key done, one failed, one never started. */
async function runFolder(): Promise<string> {
  const folder = join(results, 'runs/the-run');
  const mapRun = join(folder, '0aa1b2c3-0000-4000-8000-000000000000');
  await mkdir(mapRun, { recursive: true });
  const place = directoryLocation(results);
  const job = {
    version: 1,
    run: 'the-run',
    source: place,
    destination: place,
    results: { bucket: place.bucket, prefix: 'runs/the-run/' },
    reader: { kind: 'KEYS' },
    toleratedFailureCount: 0,
    toleratedFailurePercentage: 100,
  };
  await writeFile(join(folder, 'job.json'), JSON.stringify(job));
  const input = (index: number, item: string): string =>
    JSON.stringify({
      BatchInput: { run: { bucket: place.bucket, key: 'runs/the-run/job.json' } },
      Items: [{ index, item }],
    });
  const done = { outcomes: [{ status: 'skipped', index: 0, key: 'a.jpg', reason: 'upToDate' }] };
  const failed = {
    outcomes: [{ status: 'failed', index: 1, key: 'b.jpg', error: 'NotAnImage', message: 'b.jpg is a text' }],
  };
  const times = {
    StartDate: '2026-11-22T10:00:00.000Z',
    StopDate: '2026-11-22T10:00:01.000Z',
    Name: 'x',
    ExecutionArn: 'x',
  };
  const files = {
    SUCCEEDED: { ...times, Status: 'SUCCEEDED', Input: input(0, 'a.jpg'), Output: JSON.stringify(done) },
    FAILED: {
      ...times,
      Status: 'FAILED',
      Input: input(1, 'b.jpg'),
      Error: 'NotAnImage',
      Cause: JSON.stringify({
        errorType: 'NotAnImage',
        errorMessage: `b.jpg: b.jpg is a text\n${JSON.stringify(failed)}`,
      }),
    },
    PENDING: { Status: 'PENDING', Input: input(2, 'c.jpg') },
  };
  for (const [kind, record] of Object.entries(files))
    await writeFile(join(mapRun, `${kind}_0.jsonl`), `${JSON.stringify(record)}\n`);
  return mapRun;
}

/** The manifest is what Step Functions writes last. */
async function manifest(mapRun: string): Promise<void> {
  const kinds = ['SUCCEEDED', 'FAILED', 'PENDING'];
  const name = 'runs/the-run/0aa1b2c3-0000-4000-8000-000000000000';
  const ResultFiles = Object.fromEntries(kinds.map((kind) => [kind, [{ Key: `${name}/${kind}_0.jsonl`, Size: 1 }]]));
  await writeFile(
    join(mapRun, 'manifest.json'),
    JSON.stringify({ DestinationBucket: 'b', MapRunArn: 'arn', ResultFiles }),
  );
}

describe('a failed run', () => {
  const failure = {
    error: 'States.ExceedToleratedFailureThreshold',
    cause: 'The specified tolerated failure threshold was exceeded',
  };

  it('gets its account and tells the counts, the first failure and the way on', async () => {
    await manifest(await runFolder());
    expect(await ended(failure)).toMatchObject({
      status: 'stoppedByFailures',
      executionStatus: 'FAILED',
      counts: { total: 3, succeeded: 0, skipped: 1, failed: 1, pending: 1 },
      firstFailure: { key: 'b.jpg', error: 'NotAnImage' },
    });
    const summary = JSON.parse(await readFile(join(results, 'runs/the-run/summary.json'), 'utf8'));
    expect(summary).toMatchObject({
      status: 'stoppedByFailures',
      executionStatus: 'FAILED',
      error: failure.error,
      counts: { total: 3 },
    });
    expect(told).toHaveLength(1);
    expect(told[0]?.subject).toBe('image-fanout stoppedByFailures: 1 of 3 keys done (the-run)');
    expect(told[0]?.body).toContain('NotAnImage: b.jpg is a text');
    expect(told[0]?.body).toContain('image-fanout redrive the-run');
  });

  it('waits for result files that are still being written', async () => {
    const mapRun = await runFolder();
    setTimeout(() => void manifest(mapRun), 50);
    expect(await ended(failure)).toMatchObject({ counts: { total: 3 }, balanced: true });
  });

  it('that was redriven waits for the files of the redrive', async () => {
    const mapRun = await runFolder();
    await manifest(mapRun);
    const redrive = join(mapRun, 'Redrive-1');
    setTimeout(() => void mkdir(redrive).then(() => manifest(redrive)), 50);
    await ended({ ...failure, redriveCount: 1 });
    const summary = JSON.parse(await readFile(join(results, 'runs/the-run/summary.json'), 'utf8'));
    expect(summary.attempts).toHaveLength(2);
  });
});

it('a stopped run gets its account too', async () => {
  await manifest(await runFolder());
  expect(await ended({ status: 'ABORTED' })).toMatchObject({ status: 'interrupted', counts: { total: 3, pending: 1 } });
});

it('a succeeded run tells what Summarize answered, and writes nothing', async () => {
  const short = {
    run: 'the-run',
    status: 'succeeded',
    executionStatus: 'SUCCEEDED',
    counts: { total: 2, succeeded: 2, skipped: 0, failed: 0, pending: 0 },
    errors: {},
    report: 's3://r/',
  };
  expect(await ended({ status: 'SUCCEEDED', output: JSON.stringify(short) })).toEqual(short);
  expect(told[0]?.subject).toBe('image-fanout succeeded: 2 of 2 keys done (the-run)');
});

it('a refused job tells why, since there is no run to account for', async () => {
  const cause = JSON.stringify({
    errorType: 'InvalidJob',
    errorMessage: 'The job has a problem:\n  recip: unknown field',
    trace: [],
  });
  expect(await ended({ error: 'InvalidJob', cause })).toEqual({
    run: 'the-run',
    status: 'notStarted',
    executionStatus: 'FAILED',
    error: 'InvalidJob',
    message: 'The job has a problem:\n  recip: unknown field',
  });
  expect(told[0]?.body).toContain('Nothing was started.');
});
