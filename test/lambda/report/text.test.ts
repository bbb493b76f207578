// The account as a person reads it, and the short one that an execution answers with.
import { describe, expect, it } from 'vitest';
import { ERROR_CLASSES } from '../../../lambda/contract/errors.ts';
import { formatLocation } from '../../../lambda/contract/location.ts';
import { writeAccount } from '../../../lambda/report/account.ts';
import { adviceOn } from '../../../lambda/report/hints.ts';
import { shortSummary } from '../../../lambda/report/short.ts';
import { exitCodeOf, runStatusOf } from '../../../lambda/report/status.ts';
import type { Summary } from '../../../lambda/report/summary.ts';
import { accountText } from '../../../lambda/report/text.ts';
import { formatBytes, formatDuration } from '../../../lambda/report/units.ts';
import { summaryText } from '../../../lib/cli/summary.ts';
import { OUT_OF_RESOURCES } from '../../../lib/workflow.ts';
import { childRecord, failed, putAttempt, succeeded, testRun } from './run-folders.ts';

async function summaryOf(
  prepare: (run: ReturnType<typeof testRun>) => void,
  options: Partial<Parameters<typeof writeAccount>[0]> = {},
): Promise<Summary> {
  const run = testRun();
  prepare(run);
  const summary = await writeAccount({ ...run, ...options });
  expect(summary.page).toBe(`${formatLocation(run.folder)}report.html`);
  return { ...summary, report: '/run/', page: '/run/report.html' };
}

const mixed = () =>
  summaryOf(
    (run) =>
      putAttempt(run, [
        childRecord([succeeded(0, 'a.jpg', 2_500_000)], 1),
        childRecord([failed(1, 'b.jpg', 'TruncatedImage', 'b.jpg ends after 10 of 20 kB')], 2),
        childRecord([failed(2, 'c.jpg', 'TruncatedImage', 'c.jpg ends after 1 of 2 kB')], 3),
        childRecord([failed(3, 'd.jpg', 'Throttled', 'd.jpg: slow down')], 4),
        childRecord([{ status: 'skipped', index: 4, key: 'e.txt', reason: 'notIncluded' }], 4),
        childRecord([{ status: 'pending', index: 5, key: 'f.jpg' }]),
      ]),
    { listed: 6, cpuMilliseconds: 1500 },
  );

describe('accountText', () => {
  it('puts the first failure on top, then classes with what to do, skips, the command that carries on, and numbers', async () => {
    const summary = await mixed();
    expect(accountText(summary, { resume: 'image-fanout run --resume X' })).toBe(`First failure: b.jpg
  TruncatedImage: b.jpg ends after 10 of 20 kB

Run run-1: stopped by failures: more than are tolerated (stoppedByFailures)
6 keys, each accounted for: 1 succeeded, 1 skipped, 3 failed, 1 pending

Failures by class:
  TruncatedImage  2
    b.jpg: b.jpg ends after 10 of 20 kB
    c.jpg: c.jpg ends after 1 of 2 kB
    What to do: ${ERROR_CLASSES.TruncatedImage.hint}
  Throttled  1  (transient)
    d.jpg: d.jpg: slow down
    What to do: ${ERROR_CLASSES.Throttled.hint}

Skipped:
  1 not included

To do the 4 that are pending or failed, and nothing else:
  image-fanout run --resume X

Read 2.5 MB, wrote 100 B in 1 outputs
Took 3.5 s, 1.5 s of CPU: 1.43 keys/s, 714 kB/s
Per key:
  read      p50 1 ms, p90 1 ms, p99 1 ms, max 1 ms
  transform p50 2 ms, p90 2 ms, p99 2 ms, max 2 ms
  write     p50 3 ms, p90 3 ms, p99 3 ms, max 3 ms
  total     p50 6 ms, p90 6 ms, p99 6 ms, max 6 ms
Slowest:
  6 ms  a.jpg

Account: /run/
Page:    /run/report.html
`);
  });

  it('is short when all is well', async () => {
    const text = accountText(
      await summaryOf((run) => putAttempt(run, [childRecord([succeeded(0, 'a.jpg')], 1)]), { listed: 1 }),
    );
    expect(text).toMatch(
      /^Run run-1: every key succeeded or was rightly skipped \(succeeded\)\n1 key, each accounted for: 1 succeeded, 0 skipped, 0 failed, 0 pending\n\nRead 1 kB/,
    );
    expect(text).not.toMatch(/resume|Failures|Skipped/);
  });

  it('says loudly what does not add up', async () => {
    const text = accountText(
      await summaryOf((run) => putAttempt(run, [childRecord([succeeded(0, 'a.jpg')], 1)]), { listed: 2 }),
    );
    expect(text).toMatch(/^This account does not add up:\n {2}2 items were listed, and the account has 1\n/);
    expect(text).not.toContain('each accounted for');
  });

  it('names the command that resumes this very run', async () => {
    const local = await mixed();
    expect(accountText(local)).toMatch(/image-fanout run --resume \/\S+\/\.image-fanout\/runs\/run-1\/\n/);
    const on = (bucket: string, prefix: string) => ({ ...local, job: { ...local.job, results: { bucket, prefix } } });
    expect(accountText(on('out', 'web/.image-fanout/runs/run-1/'))).toContain(
      'image-fanout run --resume s3://out/web/.image-fanout/runs/run-1/\n',
    );
    expect(accountText(on('results', 'runs/run-1/'))).toContain('image-fanout redrive run-1\n');
    expect(accountText(on('file:///a%20dir/', '.image-fanout/runs/run-1/'))).toContain(
      "--resume '/a dir/.image-fanout/runs/run-1/'\n",
    );
  });

  it('lets no key act on the terminal', async () => {
    const key = '\u001b[2Jevil\nname\u202e.jpg';
    const text = accountText(await summaryOf((run) => putAttempt(run, [childRecord([failed(0, key)], 1)])));
    expect(text).toContain('First failure: \\u001b[2Jevil\\nname\\u202e.jpg\n');
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
  });

  it('has colours only when asked', async () => {
    const summary = await mixed();
    expect(accountText(summary)).not.toContain('\u001b');
    expect(accountText(summary, { color: true })).toContain('\u001b[31mFirst failure:\u001b[39m');
  });
});

describe('adviceOn', () => {
  it('has something to say on every class of ours, and on what ends a function', () => {
    const unknown = adviceOn('Nobody.KnowsThis').hint;
    for (const name of [
      ...Object.keys(ERROR_CLASSES),
      ...OUT_OF_RESOURCES,
      'Lambda.TooManyRequestsException',
      'States.ItemReaderFailed',
    ]) {
      expect(adviceOn(name).hint, name).not.toBe(unknown);
    }
    expect(adviceOn('toString').hint).toBe(unknown);
  });
});

describe('a run that no failed key stopped', () => {
  const cause = 'Line 3 is not JSON';
  const unreadable = () => summaryOf(() => {}, { status: 'FAILED', error: 'States.ItemReaderFailed', cause });

  it('says what did, and which manifest it was', async () => {
    const summary = await unreadable();
    const job = { ...summary.job, reader: { kind: 'JSONL', bucket: 'lists', key: 'keys.jsonl' } } as const;
    const line = 'Stopped by: States.ItemReaderFailed: s3://lists/keys.jsonl: Line 3 is not JSON\n';
    expect(accountText({ ...summary, job })).toMatch(line);
    // A new run is as good as a resume of one that has listed nothing.
    expect(summaryText({ ...summary, job }, 0)).toMatch(
      new RegExp(`^Nothing was started: 0 keys[^]*${line}[^]*Account: `),
    );
    for (const text of [summaryText({ ...summary, job }, 0), accountText({ ...summary, job })])
      expect(text).not.toContain('--resume');
  });

  it('ends with 1 when nothing was started, else with 2, though the account cannot be whole', async () => {
    const { executionStatus, error, counts, check } = await unreadable();
    const facts = { executionStatus, error, check: { ...check, balanced: false } };
    expect(exitCodeOf({ status: runStatusOf({ ...facts, counts }) })).toBe(1);
    expect(exitCodeOf({ status: runStatusOf({ ...facts, counts: { ...counts, total: 3 } }) })).toBe(2);
  });
});

describe('a run of which only the failed keys were tried again', () => {
  it('is not finished while others are pending: exit 2', async () => {
    const mix = await mixed();
    const summary = { ...mix, status: runStatusOf({ ...mix, executionStatus: 'SUCCEEDED' }) };
    expect(exitCodeOf(summary)).toBe(2);
    expect(summaryText(summary, 3)).toMatch(/^Not finished: 3 of 6 keys/);
    expect(accountText(summary)).toContain(' (notFinished)\n');
  });
});

describe('shortSummary', () => {
  it('says counts, bytes, the first failure and where the account is', async () => {
    expect(shortSummary(await mixed())).toEqual({
      run: 'run-1',
      status: 'stoppedByFailures',
      executionStatus: 'FAILED',
      counts: { total: 6, succeeded: 1, skipped: 1, failed: 3, pending: 1 },
      errors: { TruncatedImage: 2, Throttled: 1 },
      bytes: { in: 2_500_000, out: 100 },
      wallMilliseconds: 3500,
      firstFailure: { key: 'b.jpg', error: 'TruncatedImage', message: 'b.jpg ends after 10 of 20 kB' },
      balanced: true,
      page: '/run/report.html',
      report: '/run/',
    });
  });

  it('stays far below what Step Functions carries, however bad the run was', async () => {
    const long = 'é'.repeat(20_000);
    const summary = await summaryOf((run) =>
      run.put(
        'u/FAILED_0.jsonl',
        Array.from({ length: 300 }, (_, index) => {
          const { record } = childRecord([failed(index, `${index}${long.slice(0, 1000)}`)], index);
          return `${JSON.stringify({ ...record, Error: `Class${index}${long}`, Cause: long })}\n`;
        }).join(''),
      ),
    );
    expect(Buffer.byteLength(JSON.stringify(shortSummary(summary)))).toBeLessThan(16 * 1024);
    expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThan(1024 * 1024);
    expect(summary.errors.reduce((sum, { count }) => sum + count, 0)).toBe(300);
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1234, '1.23 kB'],
  [999_600, '1 MB'],
  [12_345_678_901, '12.3 GB'],
])('formats %i bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0.4567, '0.457 ms'],
  [12.34, '12.3 ms'],
  [999.9, '1 s'],
  [59_990, '1 min 0 s'],
  [125_000, '2 min 5 s'],
  [7_620_000, '2 h 7 min'],
  [100 * 3_600_000, '4 d 4 h'],
])('formats %f ms as %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});
