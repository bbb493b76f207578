// A canary: a few keys, spread over all, go first; too many failures among them end the run before the rest is begun.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transform } from '../../lambda/image/transform.ts';
import { itemOf } from '../../lambda/job/item.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { toleratedShare } from '../../lambda/prepare/canary.ts';
import { preparedState } from '../../lambda/prepare/prepare.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { readJob } from '../../lambda/report/run-folder.ts';
import { execute } from '../../lib/cli/execute.ts';
import { type Kind, makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, within } from './job-run.ts';

const run = fc.record({
  bad: fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }).chain((first) =>
    // Mostly good, mostly bad, and mixed runs.
    fc.constantFrom(
      first,
      first.map(() => false),
      first.map((one, index) => one && index % 7 === 0),
    ),
  ),
  reader: fc.constantFrom('LIST', 'KEYS'),
  canary: fc.integer({ min: 1, max: 12 }),
  itemsPerInvocation: fc.integer({ min: 1, max: 3 }),
  maxConcurrency: fc.integer({ min: 1, max: 4 }),
  existing: fc.constantFrom<'skip' | 'replace' | 'fail'>('skip', 'replace', 'fail'),
  tolerance: fc.oneof(
    fc.record({ toleratedFailureCount: fc.integer({ min: 0, max: 8 }) }),
    fc.record({ toleratedFailurePercentage: fc.constantFrom(5, 30, 60, 100) }),
  ),
});

describe.each<[Kind, number]>([
  ['directories', 30],
  ['S3', 15],
])('on %s', (kind, numRuns) => {
  let places: Places;
  let folders = 0;
  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(() => places.close());

  test('ends the run before the rest, or is part of one account in which each key stands once', async () => {
    await fc.assert(
      fc.asyncProperty(
        run,
        async ({ bad, reader, canary, itemsPerInvocation, maxConcurrency, existing, tolerance }) => {
          const folder = `canary-${++folders}`;
          const names = bad.map((_, index) => `${String(index).padStart(3, '0')}.jpg`);
          await Promise.all(
            names.map(async (name, index) =>
              places.put(`${folder}/${name}`, bad[index] ? 'no image' : await tinyImage()),
            ),
          );
          const where = within(places, folder);
          const keys = names.map((name) => where.source.prefix + name);
          const job: JobInput = {
            ...{ recipe: TINY, itemsPerInvocation, maxConcurrency, existing, canary: { keys: canary }, ...tolerance },
            ...(reader === 'KEYS' ? { keys } : {}),
          };
          const { summary, rows } = await runJob(where, job);
          const { job: prepared, counts } = summary;
          const tried = (prepared.canary?.items ?? []).map((item) => itemOf(item, prepared.reader.kind).key);
          expect(tried.length).toBe(Math.min(canary, keys.length));
          expect(new Set(tried).size).toBe(tried.length);
          const isBad = (key: string) => bad[keys.indexOf(key)] === true;

          // As Step Functions counts: a batch with a failed key has failed with all its keys.
          const share = toleratedShare(prepared, keys.length);
          const failed = Array.from({ length: Math.ceil(tried.length / itemsPerInvocation) }, (_, batch) =>
            tried.slice(batch * itemsPerInvocation, (batch + 1) * itemsPerInvocation),
          ).flatMap((batch) => (batch.some(isBad) ? batch : []));
          const stops = failed.length * 100 > share * tried.length;
          expect(summary.check.problems).toEqual([]);
          expect(summary.status === 'stoppedByCanary').toBe(stops);
          if (stops) {
            // Nobody but the canary was touched, and its keys are the account.
            expect(rows.map(({ key }) => key)).toEqual(tried);
            for (const row of rows)
              if (row.status !== 'pending') expect(row.status).toBe(isBad(row.key) ? 'failed' : 'succeeded');
            expect(await outputsBelow(places, folder)).toBe(counts.succeeded);
            return;
          }
          expect(rows.map(({ key }) => key)).toEqual(keys);
          expect(rows.map(({ index }) => index)).toEqual(keys.map((_, index) => index));
          for (const row of rows) {
            if (row.status !== 'pending') expect(row.status, row.key).toBe(isBad(row.key) ? 'failed' : 'succeeded');
          }
          // What the canary has made is told as made, once.
          expect(summary.outputs).toMatchObject({ written: counts.succeeded, upToDate: 0 });
          expect(await outputsBelow(places, folder)).toBe(counts.succeeded);
        },
      ),
      { numRuns },
    );
  });

  test('is spread over the keys, not the first of them', async () => {
    const folder = `spread-${++folders}`;
    for (let index = 0; index < 40; index++) await places.put(`${folder}/${index % 4}/${index}.jpg`, await tinyImage());
    const { summary } = await runJob(within(places, folder), {
      recipe: TINY,
      canary: { keys: 8 },
      toleratedFailureCount: 5,
    });
    const tried = (summary.job.canary?.items ?? []) as { key: string }[];
    expect(new Set(tried.map(({ key }) => key.split('/').at(-2)))).toEqual(new Set(['0', '1', '2', '3']));
    expect(summary).toMatchObject({ status: 'succeeded', counts: { total: 40, succeeded: 40 } });
  });

  test('that ended a run is carried on: what failed is tried again, and then the rest', async () => {
    const folder = `resumed-${++folders}`;
    const where = within(places, folder);
    for (let index = 0; index < 12; index++) {
      await places.put(
        `${folder}/${String(index).padStart(2, '0')}.jpg`,
        index % 2 === 0 ? 'no image' : await tinyImage(),
      );
    }
    const id = `canary-${kind}`;
    const stopped = await runJob(where, { recipe: TINY, canary: { keys: 4 }, toleratedFailureCount: 1 }, { run: id });
    expect(stopped.summary).toMatchObject({ status: 'stoppedByCanary', counts: { total: 4 } });
    for (let index = 0; index < 12; index += 2)
      await places.put(`${folder}/${String(index).padStart(2, '0')}.jpg`, await tinyImage());
    const { results } = stopped.summary.job;
    const { open } = places;
    const resumed = execute({
      ...{ run: id, input: {}, open, continue: {}, doneBefore: 0 },
      prepare: async () => preparedState(await readJob(open(results.bucket), results)),
      process: createProcess({ open, transform }),
      ...{ onPrepareFailed: () => {}, onThresholdExceeded: () => {}, onFailure: () => {} },
    });
    const ended = await resumed.ended;
    expect('summary' in ended && ended.summary).toMatchObject({
      status: 'succeeded',
      counts: { total: 12, succeeded: 12, skipped: 0 },
      check: { balanced: true, problems: [] },
    });
  });
});

async function outputsBelow(places: Places, folder: string): Promise<number> {
  return [...(await places.outputs()).keys()].filter(
    (key) => key.startsWith(`${folder}/`) && !key.includes('.image-fanout/'),
  ).length;
}
