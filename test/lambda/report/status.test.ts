// The run's own status: one word per exit code and reason.
import { describe, expect, it } from 'vitest';
import { type EndFacts, exitCodeOf, RUN_STATUS_NAMES, runStatusOf } from '../../../lambda/report/status.ts';

const counts = { total: 2, failed: 0, pending: 0 };
const check = { balanced: true };
const error = 'States.ExceedToleratedFailureThreshold';

const CASES: readonly (readonly [code: number, word: string, when: string, facts: EndFacts])[] = [
  [0, 'succeeded', 'all is well', { executionStatus: 'SUCCEEDED', counts, check }],
  [
    1,
    'unbalanced',
    'the account does not add up',
    { executionStatus: 'SUCCEEDED', counts, check: { balanced: false } },
  ],
  [
    1,
    'notStarted',
    'nothing was started',
    { executionStatus: 'FAILED', error: 'InvalidJob', counts: { ...counts, total: 0 }, check },
  ],
  [
    2,
    'stoppedByFailures',
    'failures stopped it',
    { executionStatus: 'FAILED', error, counts: { ...counts, failed: 1 }, check },
  ],
  [
    2,
    'stoppedByFailures',
    'failures stopped it, though the account cannot be whole',
    { executionStatus: 'FAILED', counts: { ...counts, failed: 1 }, check: { balanced: false } },
  ],
  [
    2,
    'stoppedByError',
    'a list could not be read',
    { executionStatus: 'FAILED', error: 'States.ItemReaderFailed', counts, check },
  ],
  [2, 'timedOut', 'time ran out', { executionStatus: 'TIMED_OUT', counts, check }],
  [
    2,
    'stoppedByCanary',
    'too many of the first keys failed',
    {
      ...{ executionStatus: 'FAILED', error: 'States.ExceedToleratedFailureThreshold', counts, check },
      canaryOnly: true,
    },
  ],
  [2, 'stoppedByBreaker', 'a breaker tripped', { executionStatus: 'ABORTED', error: 'Breaker', counts, check }],
  [2, 'stoppedByCap', 'it had cost what it may', { executionStatus: 'ABORTED', error: 'MaxCost', counts, check }],
  [2, 'stoppedByDeadline', 'a deadline came', { executionStatus: 'ABORTED', error: 'Deadline', counts, check }],
  [
    2,
    'notFinished',
    'only failed keys were asked for',
    { executionStatus: 'SUCCEEDED', counts: { ...counts, pending: 1 }, check },
  ],
  [
    3,
    'succeededWithFailures',
    'failures were tolerated',
    { executionStatus: 'SUCCEEDED', counts: { ...counts, failed: 1 }, check },
  ],
  [130, 'interrupted', 'it was stopped on request', { executionStatus: 'ABORTED', counts, check }],
  [
    130,
    'interrupted',
    'the request gave a reason of its own',
    { executionStatus: 'ABORTED', error: 'Stopped', counts, check },
  ],
  [130, 'noEndOnRecord', 'it was killed', { counts, check: { balanced: false } }],
];

describe('the status of a run', () => {
  it.each(CASES)('%i, %s: %s', (code, word, _when, facts) => {
    const status = runStatusOf(facts);
    expect(status).toBe(word);
    expect(exitCodeOf({ status })).toBe(code);
  });

  it('has no word that nothing leads to', () => {
    expect(new Set(CASES.map(([, word]) => word))).toEqual(new Set(RUN_STATUS_NAMES));
  });
});
