// An account in parts is the account: row for row, whatever the ranges, whatever is done twice, whatever is damaged.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Outcome } from '../../../../lambda/contract/outcome.ts';
import { type AccountOptions, writeAccount } from '../../../../lambda/report/account.ts';
import { csvHeader } from '../../../../lambda/report/csv.ts';
import type { PlanOptions } from '../../../../lambda/report/parts/plan.ts';
import { linesIn } from '../../../../lambda/report/parts/ranges.ts';
import { accountInParts } from '../../../helpers/account-in-parts.ts';
import { childRecord, failed, MAP_RUN, putAttempt, succeeded, type TestRun, testRun } from '../run-folders.ts';

/** The rows of all parts, each of which begins with its header. */
function rowsOf(run: TestRun, extension: 'csv' | 'jsonl'): string {
  const folder = join(run.root, run.folder.prefix, 'items');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(`.${extension}.zst`))
    .sort();
  const texts = names.map((name) => zstdDecompressSync(readFileSync(join(folder, name))).toString());
  if (extension === 'jsonl') return texts.join('');
  for (const text of texts) expect(text.startsWith(csvHeader())).toBe(true);
  return csvHeader() + texts.map((text) => text.slice(csvHeader().length)).join('');
}

async function expectSame(
  run: TestRun,
  options: PlanOptions & Partial<AccountOptions>,
  inOrder?: <T>(pieces: readonly T[]) => readonly T[],
): Promise<number> {
  const { rangeBytes: _, places: __, ...given } = options;
  const whole = await writeAccount({ ...run, ...given });
  const page = run.read('report.html');
  const { itemParts, ...inParts } = await accountInParts({ ...run, ...options }, inOrder);
  expect(inParts).toEqual(whole);
  expect(rowsOf(run, 'jsonl')).toBe(run.read('items.jsonl'));
  expect(rowsOf(run, 'csv')).toBe(run.read('items.csv'));
  expect(run.read('report.html').length).toBeGreaterThan(page.length * 0.9);
  return itemParts ?? 0;
}

type State = 's' | 'k' | 'f' | 'p';
const state = fc.constantFrom<State>('s', 'k', 'f', 'p');

function outcome(state: State, index: number): Outcome {
  const key = `ü ${index}.jpg`;
  if (state === 's')
    return { ...succeeded(index, key, index * 100), ms: { read: 1, transform: index, write: 3, total: index + 4 } };
  if (state === 'f') return failed(index, key, index % 3 === 0 ? 'NotAnImage' : 'CorruptImage');
  return state === 'k' ? { status: 'skipped', index, key, reason: 'excluded' } : { status: 'pending', index, key };
}

const runs = fc.record({
  states: fc.array(fc.array(state, { minLength: 60, maxLength: 60 }), { minLength: 1, maxLength: 3 }),
  count: fc.integer({ min: 1, max: 60 }),
  batch: fc.integer({ min: 1, max: 5 }),
  format: fc.constantFrom<'json' | 'jsonl'>('jsonl', 'jsonl', 'json'),
  rangeBytes: fc.integer({ min: 1500, max: 20_000 }),
  places: fc.integer({ min: 4, max: 70 }),
  /** Left out of the records, as if they were lost. */
  lost: fc.array(fc.nat({ max: 59 }), { maxLength: 3 }),
  order: fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
  again: fc.boolean(),
});

it('has the same rows and the same summary as the account of one function', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ states, count, batch, format, rangeBytes, places, lost, order, again }) => {
      await using run = testRun();
      let earlier: string[] = [];
      for (const [number, attempt] of states.entries()) {
        const children: Outcome[][] = [];
        for (let at = 0; at < count; at += batch) {
          const outcomes = attempt.slice(at, Math.min(count, at + batch)).map((one, place) => outcome(one, at + place));
          if (!outcomes.some(({ index }) => lost.includes(index))) children.push(outcomes);
        }
        const inOrder = children.map((one, place) => [one, order[place] ?? 0] as const).sort(([, a], [, b]) => a - b);
        const records = inOrder.map(([one], second) => childRecord(one, second));
        earlier = putAttempt(run, records, { format, earlier, ...(number === 0 ? {} : { redrive: number }) });
      }
      const options = { rangeBytes: format === 'json' ? 1000 : rangeBytes, places, status: 'FAILED' as const };
      await expectSame(run, options, (pieces) => {
        const turned = pieces.toReversed();
        return again ? [...turned, ...pieces.slice(0, 1)] : turned;
      });
    }),
    { numRuns: 20 },
  );
}, 120_000);

it('tells of records that cannot be read and of a file that breaks off, wherever the ranges are cut', async () => {
  for (const rangeBytes of [401, 2500, 1_000_000]) {
    await using run = testRun();
    const lines = Array.from({ length: 20 }, (_, index) =>
      JSON.stringify(childRecord([succeeded(index, `${index}.jpg`)], index).record),
    );
    putAttempt(run, [childRecord([succeeded(20, '20.jpg')], 20)]);
    lines[7] = lines[7]?.slice(0, 50) ?? '';
    run.put(`${MAP_RUN}/SUCCEEDED_1.jsonl`, `${lines.join('\n')}\n{"Input":"{`);
    await expectSame(run, { rangeBytes, places: 6 });
  }
});

it('is empty where nothing was recorded', async () => {
  await using run = testRun();
  expect(await expectSame0(run)).toBe(0);
});

async function expectSame0(run: TestRun): Promise<number> {
  const whole = await writeAccount({ ...run, status: 'ABORTED' });
  const { itemParts, ...inParts } = await accountInParts({ ...run, status: 'ABORTED' });
  expect(inParts).toEqual(whole);
  return itemParts ?? -1;
}

it('says so when a range has no result', async () => {
  await using run = testRun();
  putAttempt(
    run,
    Array.from({ length: 9 }, (_, index) => childRecord([succeeded(index, `${index}`)], index)),
  );
  await expect(accountInParts({ ...run, rangeBytes: 500 }, (pieces) => pieces.slice(1))).rejects.toMatchObject({
    name: 'SourceNotFound',
  });
});

it('overwrites no account of a run that was redriven meanwhile', async () => {
  await using run = testRun();
  const earlier = putAttempt(run, [childRecord([failed(0, 'a.jpg')])]);
  let pieces = 0;
  const redriven = accountInParts({ ...run }, (all) => {
    // After the ranges, before the parts.
    if (pieces++ === 1) putAttempt(run, [childRecord([succeeded(0, 'a.jpg')])], { redrive: 1, earlier });
    return all;
  });
  await expect(redriven).rejects.toMatchObject({ name: 'RunIsLive', message: expect.stringContaining('by now: 2') });
  expect(() => run.read('summary.json')).toThrow();
});

it('each byte of a file belongs to one range, in whole lines', async () => {
  await using run = testRun();
  const text = `a\n\nbcd\n${'x'.repeat(200_000)}\né\u2028f\ntail`;
  run.put('file.jsonl', text);
  const size = Buffer.byteLength(text);
  const key = `${run.folder.prefix}file.jsonl`;
  for (const step of [1, 2, 3, 7, 65_536, 100_000, size]) {
    let all = '';
    for (let from = 0; from < size; from += step) {
      // One byte at a time would be slow where nothing begins.
      if (step < 8 && from > 20 && from < 199_990) continue;
      const pieces: Buffer[] = [];
      for await (const piece of linesIn(run.store, { key, from, to: Math.min(size, from + step) })) pieces.push(piece);
      const part = Buffer.concat(pieces).toString();
      if (part !== '') expect(part.endsWith('\n') || part.endsWith('tail')).toBe(true);
      all += part;
    }
    expect(all).toBe(text);
  }
});
