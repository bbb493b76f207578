// Outcomes survive the way through Step Functions, whatever the child's end.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { type Outcome, outputTotals } from '../../../lambda/contract/outcome.ts';
import type { ProcessEvent } from '../../../lambda/job/prepared.ts';
import { answerOf, failedOutcome, failureOf, outcomesOf } from '../../../lambda/job/wire.ts';
import { fitsPayload } from '../../../lib/local/tasks.ts';

const event = (keys: readonly string[]): ProcessEvent => ({
  BatchInput: { run: { bucket: 'b', key: 'runs/r/job.json' } },
  Items: keys.map((key, index) => ({ index, item: key })),
});

/** What Lambda makes of a thrown error, cut where Step Functions cuts it. */
function causeOf(error: Error): string {
  const payload = { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') };
  const cause = JSON.stringify(payload);
  expect(cause.length).toBeLessThanOrEqual(32_768);
  return cause;
}

const outcome = (index: number, key: string, status: Outcome['status']): Outcome => {
  if (status === 'failed')
    return failedOutcome(new FanoutError('TruncatedImage', 'ends early', { met: 'x' }), index, key);
  if (status === 'pending') return { status, index, key };
  if (status === 'skipped') return { status, index, key, reason: 'upToDate' };
  const outputs = [{ name: 'o', key: `${key}.webp`, bytes: 1, format: 'webp' }];
  return {
    status,
    index,
    key,
    source: { etag: 'e', bytes: 1 },
    outputs,
    ms: { read: 1, transform: 1, write: 1, total: 3 },
  };
};

describe('failureOf and outcomesOf', () => {
  test('bring back what was thrown, whatever the batch and the keys', () => {
    const anyKey = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
    const anyStatus = fc.constantFrom<Outcome['status']>('succeeded', 'skipped', 'failed', 'pending');
    fc.assert(
      fc.property(fc.array(fc.tuple(anyKey, anyStatus), { minLength: 1, maxLength: 20 }), (pairs) => {
        const outcomes = pairs.map(([key, status], index) => outcome(index, key, status));
        fc.pre(outcomes.some(({ status }) => status === 'failed'));
        const input = event(pairs.map(([key]) => key));
        const error = failureOf(outcomes);
        expect(outcomesOf({ status: 'FAILED', input, error: error.name, cause: causeOf(error) }, 'KEYS')).toEqual(
          outcomes,
        );
      }),
    );
  });

  test.each([10, 100, 1000])('keep the state of each of %i keys of the longest length within a Cause', (count) => {
    const keys = Array.from({ length: count }, (_, index) => `${index}-${'ä"\\'.repeat(300)}`);
    const statuses = ['succeeded', 'failed', 'pending'] as const;
    const outcomes = keys.map((key, index) => outcome(index, key, statuses[index % 3] as Outcome['status']));
    const error = failureOf(outcomes);
    const told = outcomesOf({ status: 'FAILED', input: event(keys), error: error.name, cause: causeOf(error) }, 'KEYS');
    expect(told.map(({ index, key }) => ({ index, key }))).toEqual(outcomes.map(({ index, key }) => ({ index, key })));
    expect(told.map(({ status }) => status)).toEqual(outcomes.map(({ status }) => status));
  });

  test('name the child after a transient failure first, so that it is tried again', () => {
    const throttled = failedOutcome(new FanoutError('Throttled', 'slow down'), 1, 'b');
    expect(failureOf([outcome(0, 'a', 'failed'), throttled]).name).toBe('Throttled');
  });

  test('begin with a sentence for a person', () => {
    expect(failureOf([outcome(0, 'a.jpg', 'failed')]).message.split('\n')[0]).toBe('a.jpg: ends early');
  });
});

describe('the answer of a batch', () => {
  const total = (outcomes: readonly Outcome[]) =>
    outcomes
      .filter((one) => one.status === 'succeeded')
      .map(outputTotals)
      .reduce((sum, one) => ({ written: sum.written + one.written, bytes: sum.bytes + one.bytes }), {
        written: 0,
        bytes: 0,
      });

  test('fits a payload whatever the batch, and loses neither a state nor a count', () => {
    const anyKey = fc.string({ unit: 'binary', minLength: 1, maxLength: 1024 });
    const anyStatus = fc.constantFrom<Outcome['status']>('succeeded', 'skipped', 'pending');
    const anyBatch = fc.tuple(
      fc.array(fc.tuple(anyKey, anyStatus), { minLength: 1, maxLength: 20 }),
      fc.constantFrom(1, 10, 50),
      fc.constantFrom(0, 1, 13),
    );
    fc.assert(
      fc.property(anyBatch, ([pairs, times, outputs]) => {
        const keys = Array.from({ length: times }, (_, round) => pairs.map(([key]) => `${round}-${key}`)).flat();
        const batch = keys.map((key, index) => {
          const one = outcome(index, key, pairs[index % pairs.length]?.[1] ?? 'succeeded');
          if (one.status !== 'succeeded') return one;
          const named = Array.from({ length: outputs }, (_, n) => ({ ...one.outputs[0], key: `${key}-${n}.webp` }));
          return { ...one, outputs: named as typeof one.outputs };
        });
        const answer = answerOf(batch);
        expect(fitsPayload(JSON.stringify(answer))).toBe(true);
        const told = outcomesOf({ status: 'SUCCEEDED', input: event(keys), output: answer }, 'KEYS');
        const states = (outcomes: readonly Outcome[]) =>
          outcomes.map(({ index, key, status }) => ({ index, key, status }));
        expect(states(told)).toEqual(states(batch));
        expect(total(told)).toEqual(total(batch));
        // What is not listed by name is said so.
        for (const [place, one] of told.entries()) {
          const before = batch[place];
          if (one.status !== 'succeeded' || before?.status !== 'succeeded') continue;
          if (one.outputs.length < before.outputs.length) expect(one.notListed).toBeDefined();
        }
      }),
      { numRuns: 60 },
    );
  });

  test('holds everything where that fits', () => {
    const batch = [outcome(0, 'a', 'succeeded'), outcome(1, 'b', 'skipped')];
    expect(answerOf(batch)).toEqual({ outcomes: batch });
  });
});

describe('outcomesOf a child whose end our handler does not tell', () => {
  const input = event(['a', 'b']);
  test.each([
    [
      'out of memory',
      {
        status: 'FAILED',
        error: 'Runtime.ExitError',
        cause: '{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}',
      },
      'Runtime.ExitError',
      'signal: killed',
    ],
    [
      'its five minutes',
      { status: 'TIMED_OUT' },
      'States.Timeout',
      'The child execution took longer than its 300 seconds, waits for a free Lambda environment included.',
    ],
    // The service gives no cause for it; caught and thrown on, an empty one.
    [
      'a timeout',
      { status: 'FAILED', error: 'States.Timeout' },
      'States.Timeout',
      'The function did not answer in its time.',
    ],
    [
      'a timeout that was caught',
      { status: 'FAILED', error: 'States.Timeout', cause: '' },
      'States.Timeout',
      'The function did not answer in its time.',
    ],
    ['nothing at all', { status: 'FAILED' }, 'States.TaskFailed', 'The child execution gave no reason.'],
    ['a cause that is no JSON', { status: 'FAILED', error: 'Lambda.Unknown', cause: 'oh' }, 'Lambda.Unknown', 'oh'],
  ])('fails every key of it: %s', (_name, end, error, message) => {
    expect(outcomesOf({ input, ...end }, 'KEYS')).toEqual([
      { status: 'failed', index: 0, key: 'a', error, message },
      { status: 'failed', index: 1, key: 'b', error, message },
    ]);
  });

  test.each(['PENDING', 'ABORTED'])('leaves the keys pending when it is %s', (status) => {
    expect(outcomesOf({ status, input }, 'KEYS').map((told) => told.status)).toEqual(['pending', 'pending']);
  });
});
