// What is told after a run's end: from the execution's output, from the result files, or from the reason why there are none.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryLocation } from '../../../lambda/contract/location.ts';
import type { SummarizeEvent } from '../../../lambda/job/prepared.ts';
import {
  type Attributes,
  createEnded,
  type EndedDependencies,
  type StatusChange,
} from '../../../lambda/report/ended.ts';
import type { PartsInput } from '../../../lambda/report/parts/actions.ts';
import { createSummarize } from '../../../lambda/report/summarize.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';

const EXECUTION = 'arn:aws:states:eu-central-1:123456789012:execution:fanout:the-run';

let results: string;
let stores: Stores;
let told: { subject: string; body: string; attributes: Attributes }[];
beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'image-fanout-ended-'));
  stores = openStores();
  told = [];
});
afterEach(async () => {
  await stores.close();
  await rm(results, { recursive: true, force: true });
});

const ended = (detail: Partial<StatusChange['detail']>, more: Partial<EndedDependencies> = {}, signal?: AbortSignal) =>
  createEnded({
    open: stores.open,
    results: directoryLocation(results),
    notify: async (subject, body, attributes) => `message-${told.push({ subject, body, attributes })}`,
    pollMilliseconds: 5,
    ...more,
  })(
    {
      detail: {
        executionArn: EXECUTION,
        name: 'the-run',
        status: 'FAILED',
        startDate: 1_551_225_146_847,
        stopDate: 1_551_225_151_881,
        ...detail,
      },
    },
    signal,
  );

it('notes in the folder of a run that the topic has taken its message', async () => {
  await runFolder();
  const before = Date.now();
  await ended({ error: 'States.Runtime' });
  const note = JSON.parse(await readFile(join(results, 'runs/the-run/told.json'), 'utf8')) as { at: string };
  expect(note).toEqual({ at: expect.any(String), status: expect.any(String), messageId: 'message-1' });
  expect(Date.parse(note.at)).toBeGreaterThanOrEqual(before);
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

describe('what subscribers filter by', () => {
  const short = {
    run: 'the-run',
    counts: { total: 2, succeeded: 1, skipped: 0, failed: 1, pending: 0 },
    errors: {},
    report: 's3://r/',
  };
  it.each([
    ['succeeded', 0, 'no'],
    ['succeededWithFailures', 1, 'yes'],
    ['unbalanced', 0, 'yes'],
  ])('%s: %i failed, attention %s', async (status, failed, attention) => {
    const output = JSON.stringify({
      ...short,
      status,
      executionStatus: 'SUCCEEDED',
      counts: { ...short.counts, failed },
    });
    await ended({ status: 'SUCCEEDED', output });
    expect(told[0]?.attributes).toEqual({ status, executionStatus: 'SUCCEEDED', failed, attention });
  });

  it('a failed run needs somebody, one that was stopped on request does not', async () => {
    await manifest(await runFolder());
    await ended({ error: 'States.ExceedToleratedFailureThreshold' });
    await ended({ status: 'ABORTED' });
    expect(told.map(({ attributes }) => attributes)).toEqual([
      { status: 'stoppedByFailures', executionStatus: 'FAILED', failed: 1, attention: 'yes' },
      { status: 'interrupted', executionStatus: 'ABORTED', failed: 1, attention: 'no' },
    ]);
  });
});

describe('a run whose account cannot be written', () => {
  const counts = { total: 2_000_000, succeeded: 1_999_990, failed: 7, pending: 3 };
  const itemCounts = async () => counts;

  it('is told of all the same, with what Step Functions counted and what makes the account', async () => {
    await manifest(await runFolder());
    // Nothing can be written where a directory has the name of the file.
    await mkdir(join(results, 'runs/the-run/items.csv/in-the-way'), { recursive: true });
    const asked: string[] = [];
    const answer = await ended(
      { error: 'States.ExceedToleratedFailureThreshold' },
      {
        itemCounts: async (arn) => {
          asked.push(arn);
          return counts;
        },
      },
    );
    expect(asked).toEqual([EXECUTION]);
    expect(answer).toMatchObject({ status: 'stoppedByFailures', itemCounts: counts, accountError: { message: /./ } });
    expect(told).toHaveLength(1);
    expect(told[0]?.attributes).toMatchObject({ failed: 7, attention: 'yes' });
    expect(told[0]?.subject).toContain('1999990 of 2000000 keys done, no account');
    expect(told[0]?.body).toMatch(
      /The account could not be written: .*\nWhat makes it and its page, .*: npx image-fanout report /,
    );
    expect(told[0]?.body).toContain('image-fanout redrive the-run');
  });

  it('is told of when Step Functions cannot be asked either', async () => {
    await runFolder();
    await writeFile(join(results, 'runs/the-run/job.json'), '{');
    expect(await ended({})).toMatchObject({ status: 'stoppedByError', accountError: {} });
    expect(told[0]?.body).toContain('How many keys are done is not known.');
  });

  it('is told of when the time of the function is nearly over', async () => {
    await runFolder();
    const soon = AbortSignal.timeout(50);
    const answer = await ended({ status: 'ABORTED' }, { itemCounts }, soon);
    expect(answer).toMatchObject({ itemCounts: counts, accountError: { error: expect.any(String) } });
  });

  it('is told as Summarize told it', async () => {
    const output = JSON.stringify({
      run: 'the-run',
      status: 'succeededWithFailures',
      executionStatus: 'SUCCEEDED',
      itemCounts: counts,
      accountError: { error: 'DestinationFull', message: 'ENOSPC: no space left on device' },
      command: 'npx image-fanout report s3://results/runs/the-run/',
      report: 's3://results/runs/the-run/',
    });
    await ended({ status: 'SUCCEEDED', output });
    expect(told[0]?.body).toContain('ENOSPC');
    expect(told[0]?.body).not.toContain('redrive');
    expect(told[0]?.attributes).toMatchObject({ failed: 7, attention: 'yes' });
  });
});

it("a job's own results are looked for where they are", async () => {
  await manifest(await runFolder());
  await mkdir(join(results, 'runs/team'), { recursive: true });
  await rename(join(results, 'runs/the-run'), join(results, 'runs/team/the-run'));
  await mkdir(join(results, 'runs/the-run'));
  const elsewhere = { bucket: directoryLocation(results).bucket, prefix: 'runs/team/the-run/' };
  await writeFile(join(results, 'runs/the-run/elsewhere.json'), JSON.stringify({ results: elsewhere }));
  expect(await ended({ error: 'States.ExceedToleratedFailureThreshold' })).toMatchObject({ counts: { total: 3 } });
  expect(told[0]?.body).not.toContain('Nothing was started');
});

describe('an account that is too large for one function', () => {
  const MACHINE = 'arn:aws:states:eu-central-1:123456789012:stateMachine:accounts';
  const failure = { error: 'States.ExceedToleratedFailureThreshold', cause: 'exceeded' };

  /** Starts whatever is asked for once. */
  function starter(wholeBytes: number) {
    const started = new Map<string, PartsInput>();
    const start = async (name: string, input: PartsInput): Promise<void> => void started.set(name, input);
    return { started, parts: { stateMachine: MACHINE, wholeBytes, start } };
  }

  it('is begun in parts, once however often the end is told, and told when it has ended', async () => {
    await manifest(await runFolder());
    const { started, parts } = starter(100);
    const begun = await ended(failure, { parts });
    await ended(failure, { parts });
    expect(begun).toEqual({ run: 'the-run', account: expect.stringMatching(/^[0-9a-f]{16}-the-run$/) });
    expect(told).toEqual([]);
    expect([...started.keys()]).toEqual(['account' in begun ? begun.account : '']);
    const [input] = started.values();
    expect(input).toMatchObject({
      run: 'the-run',
      executionArn: EXECUTION,
      work: { folder: { prefix: 'runs/the-run/' }, prefix: expect.stringMatching(/^runs\/the-run\/account\/.*\/$/) },
      end: { status: 'FAILED', error: failure.error, started: 1_551_225_146_847, ended: 1_551_225_151_881 },
    });
    // A redrive has another account.
    await ended({ ...failure, redriveCount: 0 }, { parts });
    expect(started.size).toBe(1);

    const short = {
      run: 'the-run',
      status: 'stoppedByFailures',
      executionStatus: 'FAILED',
      counts: { total: 3, succeeded: 0, skipped: 1, failed: 1, pending: 1 },
      errors: {},
      report: 'x',
    };
    const end = { name: 'x', stateMachineArn: MACHINE, input: JSON.stringify(input) };
    await ended({ ...end, status: 'SUCCEEDED', output: JSON.stringify(short) }, { parts });
    expect(told).toMatchObject([
      {
        subject: 'image-fanout stoppedByFailures: 1 of 3 keys done (the-run)',
        attributes: { status: 'stoppedByFailures', executionStatus: 'FAILED', failed: 1, attention: 'yes' },
      },
    ]);
  });

  it('that cannot be made is told with what Step Functions counted', async () => {
    await manifest(await runFolder());
    const { started, parts } = starter(100);
    await ended(failure, { parts });
    const [input] = started.values();
    const itemCounts = async (arn: string) =>
      arn === EXECUTION ? { total: 3, succeeded: 1, failed: 1, pending: 1 } : undefined;
    const end = {
      name: 'x',
      stateMachineArn: MACHINE,
      input: JSON.stringify(input),
      status: 'FAILED',
      error: 'AccessDenied',
    } as const;
    expect(await ended({ ...end, cause: null }, { parts, itemCounts })).toMatchObject({
      run: 'the-run',
      executionStatus: 'FAILED',
      itemCounts: { total: 3 },
      accountError: { error: 'AccessDenied' },
    });
    expect(told).toMatchObject([{ attributes: { attention: 'yes', executionStatus: 'FAILED' } }]);
  });

  it('of a run that succeeded is begun when Summarize has left it', async () => {
    await manifest(await runFolder());
    const { started, parts } = starter(100);
    const event = {
      results: { bucket: directoryLocation(results).bucket, prefix: 'runs/the-run' },
      mapRun: { MapRunArn: 'arn' },
    };
    const summarize = createSummarize({ open: stores.open, wholeBytes: 100 });
    const output = await summarize(event as unknown as SummarizeEvent);
    expect(output).toMatchObject({ run: 'the-run', accountError: { error: 'AccountInParts' } });
    await ended({ status: 'SUCCEEDED', output: JSON.stringify(output) }, { parts });
    expect([...started.values()]).toMatchObject([{ end: { status: 'SUCCEEDED' } }]);
    expect(told).toEqual([]);
  });

  it('is made at once when it is small, as ever', async () => {
    await manifest(await runFolder());
    const { started, parts } = starter(1_000_000);
    expect(await ended(failure, { parts })).toMatchObject({ counts: { total: 3 }, balanced: true });
    expect([started.size, told.length]).toEqual([0, 1]);
  });
});
