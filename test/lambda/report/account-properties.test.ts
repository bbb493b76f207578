// Whatever attempts a run had: each key once, in input order, in its latest state, and the counts add up.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import { writeAccount } from '../../../lambda/report/account.ts';
import { childRecord, csvRows, failed, itemRows, putAttempt, succeeded, testRun } from './run-folders.ts';

type State = 's' | 'k' | 'f' | 'p';

/** Names as people and attackers give them. */
const key = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
  fc.constantFrom(
    'a,b.jpg',
    '"quoted".jpg',
    'line\nfeed.jpg',
    'carriage\r\nreturn.jpg',
    '=1+1',
    'a b+c%20d.jpg',
    'ü/日本/🖼.png',
    ' ',
    '\u2028.jpg',
  ),
);

/** Attempts as engines make them: a child that has succeeded is never run again, all others are on record again. */
const runs = fc.record({
  keys: fc.array(key, { minLength: 1, maxLength: 25 }),
  batch: fc.integer({ min: 1, max: 4 }),
  format: fc.constantFrom<'json' | 'jsonl'>('json', 'jsonl'),
  attempts: fc.array(fc.array(fc.constantFrom<State>('s', 'k', 'f', 'p'), { minLength: 25, maxLength: 25 }), {
    minLength: 1,
    maxLength: 3,
  }),
  order: fc.array(fc.nat(), { minLength: 25, maxLength: 25 }),
});

function outcome(state: State, index: number, name: string): Outcome {
  if (state === 's') return succeeded(index, name);
  if (state === 'f') return failed(index, name);
  return state === 'k'
    ? { status: 'skipped', index, key: name, reason: 'excluded' }
    : { status: 'pending', index, key: name };
}

it('gives every key exactly once, in its latest state, whatever happened', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ keys, batch, format, attempts, order }) => {
      await using run = testRun();
      const expected = new Map<number, string>();
      let left = Array.from({ length: Math.ceil(keys.length / batch) }, (_, child) => child);
      let earlier: string[] = [];
      for (const [number, states] of attempts.entries()) {
        const children = left.map((child) => {
          const places = keys.map((_, index) => index).slice(child * batch, (child + 1) * batch);
          const outcomes = places.map((index) => outcome(states[index] ?? 'p', index, keys[index] ?? ''));
          // A child is pending as a whole, or else only where one of its keys failed.
          const sound =
            outcomes.some(({ status }) => status === 'failed') || outcomes.every(({ status }) => status === 'pending');
          return {
            child,
            outcomes: sound
              ? outcomes
              : outcomes.map((it) => (it.status === 'pending' ? succeeded(it.index, it.key) : it)),
          };
        });
        for (const { outcomes } of children) {
          for (const { index, status } of outcomes) {
            const before = expected.get(index);
            const kept = before === 'succeeded' || (before === 'skipped' && status !== 'succeeded');
            if (!kept) expected.set(index, status);
          }
        }
        const inOrder = children.toSorted((a, b) => (order[a.child] ?? 0) - (order[b.child] ?? 0));
        const records = inOrder.map(({ outcomes }, second) => childRecord(outcomes, second));
        earlier = putAttempt(run, records, { format, earlier, ...(number === 0 ? {} : { redrive: number }) });
        left = children
          .filter(({ outcomes }) => outcomes.some(({ status }) => status === 'failed' || status === 'pending'))
          .map(({ child }) => child);
      }
      const { counts, check } = await writeAccount({ ...run, listed: keys.length });
      expect(check).toEqual({ listed: keys.length, balanced: true, problems: [] });
      const rows = itemRows(run);
      expect(rows.map((row) => row.key)).toEqual(keys);
      expect(rows.map((row) => row.index)).toEqual(keys.map((_, index) => index));
      expect(rows.map((row) => row.status)).toEqual(keys.map((_, index) => expected.get(index)));
      expect(counts.total).toBe(keys.length);
      expect(counts.succeeded + counts.skipped + counts.failed + counts.pending).toBe(keys.length);
      expect(csvRows(run).map((row) => [decodeURIComponent(row['Key'] ?? ''), row['State']])).toEqual(
        rows.map((row) => [row.key.toWellFormed(), row.status]),
      );
    }),
    { numRuns: 60 },
  );
});
