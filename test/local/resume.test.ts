// Continuing a run: what has succeeded is never run again, and the newest manifest accounts for every key once.
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../lib/local/execution.ts';
import type { StateMachineDefinition } from '../../lib/states-language.ts';
import {
  keysIn,
  mapDefinition,
  named,
  type Place,
  RESULTS,
  resultFiles,
  start,
  temporaryPlace,
} from './helpers/map.ts';

const definition: StateMachineDefinition = mapDefinition({
  ...RESULTS,
  MaxConcurrencyPath: '$.concurrency',
  ToleratedFailureCountPath: '$.count',
  ItemBatcher: { MaxItemsPerBatchPath: '$.batch' },
});

interface Attempt {
  readonly bad?: readonly string[];
  readonly count?: number;
  readonly batch?: number;
  readonly concurrency?: number;
  readonly only?: 'failed';
  readonly stopAfter?: number;
  readonly fresh?: boolean;
}

/** Runs one attempt over the items; answers its result and the keys that the handler was given. */
async function attempt(place: Place, items: readonly string[], options: Attempt) {
  const { bad = [], count = 0, batch = 1, concurrency = 1, only, stopAfter = Number.POSITIVE_INFINITY } = options;
  const ran: string[] = [];
  const execution = start(
    place,
    definition,
    { items, count, batch, concurrency },
    async (input) => {
      const keys = (input as { Items: string[] }).Items;
      ran.push(...keys);
      if (ran.length >= stopAfter) execution.stop();
      if (keys.some((key) => bad.includes(key))) throw named('NotAnImage');
      return {};
    },
    options.fresh ? {} : { continue: only === undefined ? {} : { only } },
  );
  return { ...(await execution.result), ran };
}

const folderOf = (place: Place, { mapRun }: ExecutionResult) =>
  join(place.directory, 'results', mapRun?.arn.split(':').at(-1) ?? '');

/** Makes an attempt look as kill -9 leaves it: the probe in place of the manifest, no PENDING file, a torn line. */
async function kill(place: Place, result: ExecutionResult, torn = ''): Promise<void> {
  const manifest = join(place.directory, result.mapRun?.manifest?.key ?? '');
  const probe = {
    ...JSON.parse(await readFile(manifest, 'utf8')),
    ResultFiles: { FAILED: [], PENDING: [], SUCCEEDED: [] },
  };
  await writeFile(manifest, JSON.stringify(probe));
  const folder = join(manifest, '..');
  await rm(join(folder, 'PENDING_0.jsonl'), { force: true });
  if (torn !== '') await appendFile(join(folder, 'SUCCEEDED_0.jsonl'), torn);
}

const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);

describe('continuing a run', () => {
  it('runs what failed and what is pending, with the original inputs, and nothing else', async () => {
    await using place = await temporaryPlace();
    const items = keys(5);
    const first = await attempt(place, items, { bad: ['key-2'], fresh: true });
    expect({ status: first.status, ran: first.ran }).toEqual({ status: 'FAILED', ran: ['key-0', 'key-1', 'key-2'] });

    // Another listing changes nothing: the original items are used again.
    const second = await attempt(place, ['other'], {});
    expect({ status: second.status, ran: second.ran }).toEqual({
      status: 'SUCCEEDED',
      ran: ['key-2', 'key-3', 'key-4'],
    });
    expect(second.mapRun?.itemCounts).toMatchObject({
      total: 5,
      succeeded: 5,
      failed: 0,
      pending: 0,
      pendingRedrive: 0,
    });
    expect(second.mapRun?.manifest?.key).toMatch(/\/Redrive-1\/manifest\.json$/);
    const { manifest, succeeded, failed } = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(keysIn(succeeded)).toEqual(items);
    expect(failed).toEqual([]);
    expect(manifest.ResultFiles.SUCCEEDED.map(({ Key }) => Key.split('/').slice(2).join('/'))).toEqual([
      'SUCCEEDED_0.jsonl',
      'Redrive-1/SUCCEEDED_0.jsonl',
    ]);
    expect((await readdir(folderOf(place, first))).sort()).toEqual([
      ...['FAILED_0.jsonl', 'ITEMS_0.jsonl.zst', 'PENDING_0.jsonl', 'Redrive-1', 'SUCCEEDED_0.jsonl', 'manifest.json'],
    ]);
  });

  it('runs only what failed when asked to, and keeps the rest on record as pending', async () => {
    await using place = await temporaryPlace();
    const items = keys(6);
    await attempt(place, items, { bad: ['key-1', 'key-2'], count: 1, fresh: true });
    const second = await attempt(place, items, { only: 'failed' });
    expect(second.ran).toEqual(['key-1', 'key-2']);
    const files = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(keysIn(files.succeeded)).toEqual(['key-0', 'key-1', 'key-2']);
    expect(keysIn(files.pending)).toEqual(['key-3', 'key-4', 'key-5']);
    expect(second.mapRun?.itemCounts).toMatchObject({ total: 6, succeeded: 3, pending: 3 });
    expect((await attempt(place, items, {})).ran).toEqual(['key-3', 'key-4', 'key-5']);
  });

  it('keeps the reason of a failure that it does not come to try again', async () => {
    await using place = await temporaryPlace();
    const items = keys(4);
    await attempt(place, items, { bad: ['key-0', 'key-1'], count: 2, fresh: true });
    const second = await attempt(place, items, { bad: ['key-0'] });
    expect(second.ran).toEqual(['key-0']);
    const files = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(files.failed.map(({ Input, Error: error }) => [Input, error])).toEqual([
      ['{"Items":["key-0"]}', 'NotAnImage'],
      ['{"Items":["key-1"]}', 'NotAnImage'],
    ]);
    expect(second.mapRun?.itemCounts).toMatchObject({ succeeded: 2, failed: 2, pendingRedrive: 0, total: 4 });
  });

  it('lists again after a kill, and leaves out what is on record, but for a torn line', async () => {
    await using place = await temporaryPlace();
    const items = keys(6);
    const first = await attempt(place, items, { stopAfter: 3, fresh: true });
    await kill(place, first, '{"ExecutionArn":"torn","Input":"{\\"Items\\":[\\"key-3\\"]}","Sta');
    const second = await attempt(place, items, {});
    expect(second.ran).toEqual(['key-3', 'key-4', 'key-5']);
    const files = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(keysIn(files.succeeded)).toEqual(items);
    expect(second.mapRun?.itemCounts).toMatchObject({ total: 6, succeeded: 6 });
  });

  it('goes through each of two equal items, and through what was listed, whatever the source says now', async () => {
    await using place = await temporaryPlace();
    const items = ['a', 'b', 'a', 'c', 'a', 'b'];
    const first = await attempt(place, items, { stopAfter: 3, fresh: true });
    expect(first.ran).toEqual(['a', 'b', 'a']);
    await kill(place, first);
    const second = await attempt(place, ['a', 'new', 'b'], {});
    expect(second.ran.sort()).toEqual(['a', 'b', 'c']);
    const files = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(keysIn(files.succeeded)).toEqual([...items].sort());
    expect(second.mapRun?.itemCounts).toMatchObject({ total: 6, succeeded: 6 });
  });

  it('knows a child by its items, not by what its batch says of the attempt', async () => {
    await using place = await temporaryPlace();
    const batched = mapDefinition({
      ...RESULTS,
      MaxConcurrency: 1,
      ItemSelector: { 'index.$': '$$.Map.Item.Index', 'item.$': '$$.Map.Item.Value' },
      ItemBatcher: {
        MaxItemsPerBatch: 2,
        BatchInput: { 'started.$': '$$.Execution.StartTime', 'redrives.$': '$$.Execution.RedriveCount' },
      },
    });
    const ran: number[] = [];
    const go = (stopAfter: number, options: Parameters<typeof start>[4]) => {
      const execution = start(
        place,
        batched,
        { items: ['a', 'a', 'b', 'a', 'c'] },
        async (input) => {
          ran.push(...(input as { Items: { index: number }[] }).Items.map(({ index }) => index));
          if (ran.length >= stopAfter) execution.stop();
          return {};
        },
        options,
      );
      return execution.result;
    };
    await kill(place, await go(4, {}));
    expect(ran).toEqual([0, 1, 2, 3]);
    expect((await go(9, { continue: {} })).mapRun?.itemCounts).toMatchObject({ total: 5, succeeded: 5 });
    expect(ran).toEqual([0, 1, 2, 3, 4]);
  });

  it('refuses a run whose listing is not on record, and says what to do', async () => {
    await using place = await temporaryPlace();
    const first = await attempt(place, keys(6), { stopAfter: 3, fresh: true });
    await kill(place, first);
    await rm(join(folderOf(place, first), 'ITEMS_0.jsonl.zst'));
    const second = await attempt(place, keys(6), {});
    expect({ status: second.status, ran: second.ran }).toEqual({ status: 'FAILED', ran: [] });
    expect(second.cause).toContain('kept no record of its listing');
    expect(second.cause).toContain('Start a new run');
  });

  it('lists on where a killed listing had stopped, unless what it had read of the list has changed', async () => {
    await using place = await temporaryPlace();
    const items = keys(6);
    const first = await attempt(place, items, { stopAfter: 3, fresh: true });
    await kill(place, first);
    const record = join(folderOf(place, first), 'ITEMS_0.jsonl.zst');
    // Without its last byte the end of the listing is not on record; the items are.
    const whole = await readFile(record);
    await writeFile(record, whole.subarray(0, -1));
    const changed = await attempt(place, ['other', ...items], {});
    expect(changed).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
    expect(changed.cause).toContain('has changed since 6 of them were read');
    const second = await attempt(place, [...items, 'key-6'], {});
    const files = await resultFiles(place, second.mapRun?.manifest?.key ?? '');
    expect(keysIn(files.succeeded)).toEqual([...items, 'key-6']);
  });

  it('runs after a kill only what is known to have failed, when asked to', async () => {
    await using place = await temporaryPlace();
    const items = keys(5);
    const first = await attempt(place, items, { bad: ['key-1'], count: 1, stopAfter: 3, fresh: true });
    await kill(place, first);
    const second = await attempt(place, items, { only: 'failed' });
    expect(second.ran).toEqual(['key-1']);
    expect(second.mapRun?.itemCounts).toMatchObject({ total: 5, succeeded: 3, pending: 2 });
  });

  it('adds to the records of no other run', async () => {
    await using place = await temporaryPlace();
    await attempt(place, keys(2), { fresh: true });
    const again = await attempt(place, keys(2), { fresh: true });
    expect(again).toMatchObject({ status: 'FAILED', error: 'States.ResultWriterFailed' });
    expect(again.cause).toContain('EEXIST');
  });

  it('begins with a given state, whose input it is given', async () => {
    await using place = await temporaryPlace();
    const { Map: map } = definition.States;
    const workflow: StateMachineDefinition = {
      StartAt: 'Never',
      States: { Never: { Type: 'Fail', Error: 'Started' }, Map: map as never },
    };
    const input = { items: ['a'], count: 0, batch: 1, concurrency: 1 };
    const { status } = await start(place, workflow, input, async () => 1, { continue: { state: 'Map' } }).result;
    expect(status).toBe('SUCCEEDED');
  });

  it('ends with every key on record once and none run after its success, however often it is interrupted', async () => {
    const steps = fc.array(
      fc.record({
        bad: fc.uniqueArray(
          fc.integer({ min: 0, max: 19 }).map((index) => `key-${index}`),
          { maxLength: 5 },
        ),
        count: fc.integer({ min: 0, max: 3 }),
        concurrency: fc.integer({ min: 1, max: 4 }),
        stopAfter: fc.integer({ min: 1, max: 25 }),
        killed: fc.boolean(),
        onlyFailed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (attempts, batch) => {
        await using place = await temporaryPlace();
        const items = keys(20);
        const succeeded = new Set<string>();
        for (const [index, { killed, onlyFailed, ...options }] of attempts.entries()) {
          const result = await attempt(place, items, {
            ...{ ...options, batch, fresh: index === 0 },
            ...(onlyFailed && index > 0 ? { only: 'failed' as const } : {}),
          });
          expect(result.ran.filter((key) => succeeded.has(key))).toEqual([]);
          const files = await resultFiles(place, result.mapRun?.manifest?.key ?? '');
          for (const key of keysIn(files.succeeded)) succeeded.add(key);
          const all = [...keysIn(files.succeeded), ...keysIn(files.failed), ...keysIn(files.pending)];
          expect(all.sort()).toEqual([...items].sort());
          const { total, pending, running, pendingRedrive, failed } = result.mapRun?.itemCounts ?? {};
          expect({ total, pending, running, pendingRedrive, failed }).toEqual({
            ...{ total: 20, running: 0, pendingRedrive: 0 },
            pending: keysIn(files.pending).length,
            failed: keysIn(files.failed).length,
          });
          if (killed) await kill(place, result);
        }
        const last = await attempt(place, items, { batch });
        expect(last.ran.filter((key) => succeeded.has(key))).toEqual([]);
        const files = await resultFiles(place, last.mapRun?.manifest?.key ?? '');
        expect(keysIn(files.succeeded)).toEqual([...items].sort());
      }),
      { numRuns: 40 },
    );
  });
});
