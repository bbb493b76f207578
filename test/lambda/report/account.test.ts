// The account against run folders as engines leave them: complete, redriven, killed, damaged.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import { writeAccount } from '../../../lambda/report/account.ts';
import { findResultFiles, readJob } from '../../../lambda/report/run-folder.ts';
import { summarySchema } from '../../../lambda/report/summary.ts';
import { childRecord, csvRows, failed, itemRows, MAP_RUN, putAttempt, succeeded, testRun } from './run-folders.ts';

const pending = (index: number, key: string): Outcome => ({ status: 'pending', index, key });
const skipped = (index: number, key: string): Outcome => ({ status: 'skipped', index, key, reason: 'upToDate' });
const states = (rows: readonly { index: number; key: string; status: string }[]) =>
  rows.map(({ index, key, status }) => `${index} ${key} ${status}`);

describe('writeAccount', () => {
  it.each(['json', 'jsonl'] as const)('gives each key one row in input order, from %s files', async (format) => {
    const run = testRun();
    const records = [
      childRecord([succeeded(3, 'd.jpg', 4000)], 4),
      childRecord([succeeded(0, 'a.jpg', 1000)], 1),
      childRecord([failed(2, 'c.jpg')], 2),
      childRecord([skipped(1, 'b.jpg')], 3),
      childRecord([pending(4, 'e.jpg')]),
    ];
    putAttempt(run, records, { format });
    const summary = await writeAccount({ ...run, listed: 5 });
    expect(states(itemRows(run))).toEqual([
      '0 a.jpg succeeded',
      '1 b.jpg skipped',
      '2 c.jpg failed',
      '3 d.jpg succeeded',
      '4 e.jpg pending',
    ]);
    expect(summary.counts).toEqual({ total: 5, succeeded: 2, skipped: 1, failed: 1, pending: 1 });
    expect(summary.skipped).toEqual({ upToDate: 1 });
    expect(summary.bytes).toEqual({ in: 5000, out: 200 });
    expect(summary).toMatchObject({ status: 'stoppedByFailures', executionStatus: 'FAILED' });
    expect(summary.check).toEqual({ listed: 5, balanced: true, problems: [] });
    expect(summary.time).toEqual({
      started: '2026-01-01T00:00:00.500Z',
      ended: '2026-01-01T00:00:04.000Z',
      wallMilliseconds: 3500,
      busyMilliseconds: 12,
    });
    expect(summarySchema.parse(JSON.parse(run.read('summary.json')))).toEqual(summary);
  });

  it('names the failure that came first in time, not in the listing', async () => {
    const run = testRun();
    putAttempt(run, [
      childRecord([failed(0, 'late.jpg')], 9),
      childRecord([failed(1, 'early.jpg', 'TooManyPixels')], 2),
    ]);
    const summary = await writeAccount(run);
    expect(summary.firstFailure).toMatchObject({
      key: 'early.jpg',
      error: 'TooManyPixels',
      at: '2026-01-01T00:00:02.000Z',
    });
  });

  it('takes percentiles over the keys that reached a stage', async () => {
    const run = testRun();
    const early = { ...failed(0, 'a'), ms: { read: 40, transform: 0, write: 0, total: 40 } };
    putAttempt(run, [childRecord([early], 1)]);
    const { milliseconds, slowest } = await writeAccount(run);
    expect(Object.keys(milliseconds)).toEqual(['read', 'total']);
    expect(milliseconds.total?.p50).toBeCloseTo(40, 1);
    expect(slowest).toEqual([{ index: 0, key: 'a', milliseconds: 40 }]);
  });

  it("has the last attempt's rate of what that attempt did, and the slowest key by its own time", async () => {
    const run = testRun();
    const slow = { ...succeeded(1, 'slow.jpg', 7000), ms: { read: 1, transform: 900, write: 1, total: 902 } };
    const first = [
      childRecord([succeeded(0, 'a.jpg')], 1),
      childRecord([slow], 2),
      childRecord([failed(2, 'b.jpg')], 3),
    ];
    const earlier = putAttempt(run, [...first, childRecord([pending(3, 'c.jpg')])]);
    const rest = [childRecord([succeeded(2, 'b.jpg')], 100), childRecord([succeeded(3, 'c.jpg', 3000)], 101)];
    putAttempt(run, rest, { redrive: 1, earlier });
    const start = Date.UTC(2026, 0, 1, 0, 1, 40);
    const summary = await writeAccount({ ...run, status: 'SUCCEEDED', started: start, ended: start + 500 });
    expect(summary.counts).toMatchObject({ total: 4, succeeded: 4 });
    expect(summary.throughput).toEqual({ keysPerSecond: 4, bytesInPerSecond: 8000 });
    expect(summary.slowest[0]).toEqual({ index: 1, key: 'slow.jpg', milliseconds: 902 });
  });

  it('keeps what a key of a failed batch has reached', async () => {
    const run = testRun();
    putAttempt(run, [
      childRecord(
        [succeeded(0, 'a.jpg'), failed(1, 'b.jpg', 'CorruptImage'), skipped(2, 'c.jpg'), pending(3, 'd.jpg')],
        1,
      ),
    ]);
    const summary = await writeAccount({ ...run, listed: 4 });
    expect(states(itemRows(run))).toEqual([
      '0 a.jpg succeeded',
      '1 b.jpg failed',
      '2 c.jpg skipped',
      '3 d.jpg pending',
    ]);
    expect(summary.errors).toEqual([
      {
        name: 'CorruptImage',
        count: 1,
        transient: false,
        hint: expect.stringContaining('salvage'),
        examples: [{ index: 1, key: 'b.jpg', message: 'b.jpg: no image' }],
      },
    ]);
  });

  it('takes the latest state over redrives, and never takes a success back', async () => {
    const run = testRun();
    const first = putAttempt(run, [
      childRecord([succeeded(0, 'done')], 1),
      childRecord([succeeded(1, 'good in a bad batch'), failed(2, 'mended')], 2),
      childRecord([failed(3, 'fails twice')], 3),
      childRecord([pending(4, 'late')]),
      childRecord([pending(5, 'later')]),
    ]);
    const second = putAttempt(
      run,
      [
        childRecord([failed(1, 'good in a bad batch', 'AccessDenied'), succeeded(2, 'mended')], 10),
        childRecord([failed(3, 'fails twice', 'AccessDenied')], 11),
        childRecord([succeeded(4, 'late')], 12),
        childRecord([pending(5, 'later')]),
      ],
      { redrive: 1, earlier: first },
    );
    putAttempt(run, [childRecord([succeeded(5, 'later')], 20)], { redrive: 2, earlier: second });
    const summary = await writeAccount({ ...run, listed: 6 });
    expect(itemRows(run).map(({ key, status, attempt }) => `${key}: ${status} in ${attempt}`)).toEqual([
      'done: succeeded in 0',
      'good in a bad batch: succeeded in 0',
      'mended: succeeded in 1',
      'fails twice: failed in 1',
      'late: succeeded in 1',
      'later: succeeded in 2',
    ]);
    expect(summary.attempts.map(({ folder, complete, records }) => ({ folder, complete, records }))).toEqual([
      { folder: `${MAP_RUN}/`, complete: true, records: 5 },
      { folder: `${MAP_RUN}/Redrive-1/`, complete: true, records: 4 },
      { folder: `${MAP_RUN}/Redrive-2/`, complete: true, records: 1 },
    ]);
    expect(summary.check.balanced).toBe(true);
  });

  it('orders ten redrives by number, not by name', async () => {
    const run = testRun();
    for (const redrive of [10, 9, 2]) putAttempt(run, [childRecord([failed(0, 'a')], redrive)], { redrive });
    const { attempts } = await findResultFiles(run.store, run.folder);
    expect(attempts.map(({ folder }) => folder)).toEqual([2, 9, 10].map((n) => `${MAP_RUN}/Redrive-${n}/`));
  });

  it('accounts for a killed run from what is on record, and says that it is not all', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(0, 'a')], 1)], { manifest: false });
    run.put(`${MAP_RUN}/SUCCEEDED_0.jsonl`, `${run.read(`${MAP_RUN}/SUCCEEDED_0.jsonl`)}{"Status":"SUCCEEDED","Inp`);
    const summary = await writeAccount(run);
    expect(summary.status).toBe('noEndOnRecord');
    expect(summary.attempts).toMatchObject([{ folder: `${MAP_RUN}/`, complete: false, records: 1, torn: 1 }]);
    expect(summary.check).toEqual({ balanced: false, problems: [expect.stringContaining('no attempt has ended')] });
    expect(states(itemRows(run))).toEqual(['0 a succeeded']);
  });

  it('gives the keys that a killed run had not got to as pending, when the items are listed again', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(1, 'b')], 1), childRecord([succeeded(3, 'd')], 2)], { manifest: false });
    const summary = await writeAccount({ ...run, items: listing('a', 'b', 'c', 'd', 'e') });
    expect(states(itemRows(run))).toEqual([
      '0 a pending',
      '1 b succeeded',
      '2 c pending',
      '3 d succeeded',
      '4 e pending',
    ]);
    expect(summary).toMatchObject({
      status: 'noEndOnRecord',
      counts: { total: 5, pending: 3 },
      check: { balanced: true },
    });
  });

  it.each([
    ['a listing without an item', 'SUCCEEDED', true, []],
    ['a manifest that could not be read', 'FAILED', false, []],
    ['a stop whose result files never came', 'ABORTED', true, [expect.stringContaining('no attempt has ended')]],
  ] as const)('adds up or not when there is nothing on record: %s', async (_what, status, probe, problems) => {
    const run = testRun();
    if (probe) putAttempt(run, []);
    expect((await writeAccount({ ...run, status })).check).toEqual({ balanced: problems.length === 0, problems });
  });

  it('notices that the source has changed since', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(0, 'b')], 1)], { manifest: false });
    const summary = await writeAccount({ ...run, items: listing('a', 'b') });
    expect(summary.check.problems).toEqual([expect.stringContaining('has the source changed')]);
  });

  it('tolerates a killed redrive after a complete first attempt', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([failed(0, 'a')], 1), childRecord([pending(1, 'b')])]);
    run.put(
      `${MAP_RUN}/Redrive-1/SUCCEEDED_0.jsonl`,
      `${JSON.stringify(childRecord([succeeded(1, 'b')], 5).record)}\n{"Sta`,
    );
    const summary = await writeAccount({ ...run, status: 'ABORTED', listed: 2 });
    expect(states(itemRows(run))).toEqual(['0 a failed', '1 b succeeded']);
    expect(summary.check.balanced).toBe(true);
  });

  it('has an account of a run without a single record', async () => {
    const run = testRun();
    const summary = await writeAccount({
      ...run,
      status: 'FAILED',
      error: 'States.ItemReaderFailed',
      cause: 'x'.repeat(40_000),
      listed: 0,
    });
    expect(summary).toMatchObject({
      counts: { total: 0 },
      error: 'States.ItemReaderFailed',
      check: { balanced: true },
    });
    expect(summary.cause?.length).toBeLessThan(2100);
    expect(run.read('items.jsonl')).toBe('');
    expect(csvRows(run)).toEqual([]);
  });

  it.each([
    [
      'fewer keys than were listed',
      (run: ReturnType<typeof testRun>) => putAttempt(run, [childRecord([succeeded(0, 'a')], 1)]),
      2,
      '2 items were listed, and the account has 1',
    ],
    [
      'a gap',
      (run: ReturnType<typeof testRun>) => putAttempt(run, [childRecord([succeeded(2, 'c')], 1)]),
      1,
      'keys before the last recorded one that have no record: 2',
    ],
    [
      'two keys at one place',
      (run: ReturnType<typeof testRun>) =>
        putAttempt(run, [childRecord([succeeded(0, 'a')], 1), childRecord([succeeded(0, 'b')], 2)]),
      1,
      'records name different keys at the same place, 1 times; has the source changed since?',
    ],
    [
      'a file that is gone',
      (run: ReturnType<typeof testRun>) => putAttempt(run, [], { earlier: [`${MAP_RUN}/SUCCEEDED_0.jsonl`] }),
      0,
      `${MAP_RUN}/SUCCEEDED_0.jsonl: named by the manifest, but not there`,
    ],
    [
      'a file of a complete run that is cut off',
      (run: ReturnType<typeof testRun>) => {
        putAttempt(run, [childRecord([succeeded(0, 'a')], 1)]);
        run.put(`${MAP_RUN}/FAILED_0.json`, '[{"Status":"FAI');
      },
      1,
      `.image-fanout/runs/run-1/${MAP_RUN}/FAILED_0.json: the file ends in the middle of a record`,
    ],
    [
      'a record in the middle that is no JSON',
      (run: ReturnType<typeof testRun>) => {
        putAttempt(run, [childRecord([succeeded(0, 'a')], 1)]);
        run.put(`${MAP_RUN}/FAILED_0.jsonl`, `garbage\n${JSON.stringify(childRecord([failed(1, 'b')]).record)}\n`);
      },
      2,
      `.image-fanout/runs/run-1/${MAP_RUN}/FAILED_0.jsonl: records that cannot be read, so that their keys are not known: 1`,
    ],
    [
      'a record whose input was left out',
      (run: ReturnType<typeof testRun>) =>
        run.put(
          `${MAP_RUN}/FAILED_0.jsonl`,
          `${JSON.stringify({ Status: 'FAILED', InputDetails: { Included: false } })}\n`,
        ),
      0,
      `.image-fanout/runs/run-1/${MAP_RUN}/FAILED_0.jsonl: records that cannot be read, so that their keys are not known: 1`,
    ],
  ])('says that it does not add up: %s', async (_what, prepare, listed, problem) => {
    const run = testRun();
    prepare(run);
    const { check } = await writeAccount({ ...run, status: 'SUCCEEDED', listed });
    expect(check).toEqual({ listed, balanced: false, problems: [problem] });
  });

  it.each([
    [
      'a function out of time',
      {
        Error: 'Sandbox.Timedout',
        Cause: JSON.stringify({ errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 120.00 seconds' }),
      },
      'Sandbox.Timedout',
      'Task timed out after 120.00 seconds',
    ],
    [
      'a cause that is no JSON',
      { Error: 'Lambda.Unknown', Cause: 'The cause could not be determined' },
      'Lambda.Unknown',
      'The cause could not be determined',
    ],
    [
      'no error at all',
      { Status: 'TIMED_OUT' },
      'States.Timeout',
      'The child execution took longer than its 300 seconds, waits for a free Lambda environment included.',
    ],
    [
      'a huge cause',
      { Error: 'Weird', Cause: 'x'.repeat(30_000) },
      'Weird',
      `${'x'.repeat(2000)}… (30000 characters in all)`,
    ],
  ])('counts the keys of a child that ended by %s', async (_what, fields, error, message) => {
    const run = testRun();
    const { record } = childRecord([failed(0, 'a'), failed(1, 'b')], 1);
    const { Error: _error, Cause: _cause, ...rest } = record;
    run.put(`${MAP_RUN}/FAILED_0.jsonl`, `${JSON.stringify({ ...rest, ...fields })}\n`);
    const summary = await writeAccount({ ...run, status: 'FAILED', listed: 2 });
    expect(itemRows(run)).toMatchObject([
      { index: 0, key: 'a', error, message },
      { index: 1, key: 'b', error, message },
    ]);
    expect(summary.errors).toMatchObject([{ name: error, count: 2, hint: expect.stringMatching(/\S/) }]);
  });

  it('reads the account of a moved folder', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(0, 'a')], 1)]);
    run.put(
      `${MAP_RUN}/manifest.json`,
      run.read(`${MAP_RUN}/manifest.json`).replaceAll('.image-fanout/', 'elsewhere/'),
    );
    expect((await writeAccount(run)).check).toMatchObject({ balanced: true });
  });

  it('replaces an earlier account of the same run', async () => {
    const run = testRun();
    const first = putAttempt(run, [childRecord([pending(0, 'a')])]);
    await writeAccount(run);
    putAttempt(run, [childRecord([succeeded(0, 'a')], 2)], { redrive: 1, earlier: first });
    expect((await writeAccount(run)).executionStatus).toBe('SUCCEEDED');
    expect(states(itemRows(run))).toEqual(['0 a succeeded']);
  });

  it('leaves no half-written file when the store fails, and throws what it threw', async () => {
    const run = testRun();
    putAttempt(run, [childRecord([succeeded(0, 'a')], 1)]);
    const full = new Error('no space');
    const store = {
      ...run.store,
      save: (key: string, body: AsyncIterable<Uint8Array>) =>
        key.endsWith('.csv') ? Promise.reject(full) : run.store.save(key, body),
    };
    await expect(writeAccount({ ...run, store })).rejects.toBe(full);
    expect(() => run.read('items.jsonl')).toThrow('ENOENT');
    expect(() => run.read('summary.json')).toThrow('ENOENT');
  });
});

describe('readJob', () => {
  it('names the folder that is no run', async () => {
    const run = testRun();
    await expect(readJob(run.store, { ...run.folder, prefix: 'nothing/' })).rejects.toThrow(
      /^No run at .*: expected a job\.json there$/,
    );
    expect(await readJob(run.store, run.folder)).toEqual(run.job);
  });
});

async function* listing(...keys: readonly string[]) {
  yield keys.map((key, index) => ({ index, key }));
}
