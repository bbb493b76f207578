// Fail-fast and the account, for random batches, concurrencies, failing keys and tolerances.
import { setImmediate, setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../lib/states-language.ts';
import { eventLog, keysIn, mapDefinition, named, RESULTS, resultFiles, start, temporaryPlace } from './helpers/map.ts';

const TOLERANCE = {
  ToleratedFailureCountPath: '$.count',
  ToleratedFailurePercentagePath: '$.percentage',
};

const runs = fc.record({
  size: fc.integer({ min: 0, max: 40 }),
  failing: fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 12 }),
  concurrency: fc.integer({ min: 1, max: 8 }),
  batch: fc.integer({ min: 1, max: 5 }),
  count: fc.integer({ min: 0, max: 6 }),
  percentage: fc.constantFrom(0, 10, 25, 100),
  turns: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 7 }),
});

describe('a Map Run', () => {
  it('stops in time, runs no more at once than allowed, and accounts for every key once', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async ({ size, failing, concurrency, batch, count, percentage, turns }) => {
        await using place = await temporaryPlace();
        const items = Array.from({ length: size }, (_, index) => `key-${index}`);
        const bad = new Set(failing.map((index) => `key-${index}`));
        let running = 0;
        let most = 0;
        let startedAfterHalt = 0;
        let halted = false;
        let calls = 0;
        const definition = mapDefinition({
          ...RESULTS,
          ...TOLERANCE,
          MaxConcurrencyPath: '$.concurrency',
          ItemBatcher: { MaxItemsPerBatchPath: '$.batch' },
        });
        const execution = start(
          place,
          definition,
          { items, concurrency, batch, count, percentage },
          async (input) => {
            running += 1;
            most = Math.max(most, running);
            for (let turn = turns[calls++ % turns.length] ?? 0; turn > 0; turn -= 1) await setImmediate();
            running -= 1;
            if ((input as { Items: string[] }).Items.some((key) => bad.has(key))) throw named('NotAnImage');
            return {};
          },
          {
            onEvent(event) {
              if (event.type === 'thresholdExceeded') halted = true;
              // A child that starts just before the end of the listing halts all calls its handler after that.
              else if (event.type === 'childStarted' && halted) startedAfterHalt += 1;
            },
          },
        );
        const { status, error, mapRun } = await execution.result;
        const { succeeded, failed, pending } = await resultFiles(place, mapRun?.manifest?.key ?? '');
        const counts = mapRun?.itemCounts;

        expect(most).toBeLessThanOrEqual(concurrency);
        expect(startedAfterHalt).toBe(0);
        expect([...keysIn(succeeded), ...keysIn(failed), ...keysIn(pending)].sort()).toEqual([...items].sort());
        expect(counts).toMatchObject({
          total: size,
          running: 0,
          succeeded: keysIn(succeeded).length,
          failed: keysIn(failed).length,
          pending: keysIn(pending).length,
          resultsWritten: size,
        });
        const failures = keysIn(failed).length;
        const exceeded = failures > count || (percentage < 100 && failures * 100 > percentage * size);
        expect(status).toBe(exceeded ? 'FAILED' : 'SUCCEEDED');
        expect(error).toBe(exceeded ? 'States.ExceedToleratedFailureThreshold' : undefined);
        if (!exceeded) expect(pending).toEqual([]);
        // The batch that crosses the line, and what ran beside it. A share is judged once all is listed.
        if (percentage === 100) expect(failures).toBeLessThanOrEqual(count + concurrency * batch);
      }),
      { numRuns: 60 },
    );
  });

  it('judges a tolerated share only when the listing has ended', async () => {
    await using place = await temporaryPlace();
    const items = Array.from({ length: 2000 }, (_, index) => `key-${index}`);
    const { events, onEvent } = eventLog();
    const definition = mapDefinition({ ...RESULTS, MaxConcurrency: 1, ToleratedFailurePercentage: 50 });
    const execution = start(
      place,
      definition,
      { items },
      async (input) => {
        if (Number((input as string).slice(4)) < 999) throw named('NotAnImage');
        return {};
      },
      { onEvent },
    );
    expect((await execution.result).status).toBe('SUCCEEDED');
    expect(events.some((event) => event.type === 'thresholdExceeded')).toBe(false);
  });

  it('starts the first child before the listing ends', async () => {
    await using place = await temporaryPlace();
    const { events, onEvent } = eventLog();
    const definition = mapDefinition({ ...RESULTS, MaxConcurrency: 2 });
    const items = Array.from({ length: 5000 }, (_, index) => `key-${index}`);
    await start(place, definition, { items }, async () => ({}), { onEvent }).result;
    const first = events.findIndex((event) => event.type === 'childStarted');
    const end = events.findIndex((event) => event.type === 'listed' && event.complete);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(end);
  });

  it('drains when stopped: what runs is awaited, the rest is pending', async () => {
    await using place = await temporaryPlace();
    const items = Array.from({ length: 10 }, (_, index) => `key-${index}`);
    let finished = 0;
    const execution = start(place, mapDefinition({ ...RESULTS, MaxConcurrency: 3 }), { items }, async (input) => {
      if (input === 'key-2') execution.stop();
      await setTimeout(20);
      finished += 1;
      return {};
    });
    const { status, error, mapRun } = await execution.result;
    expect({ status, error, finished }).toEqual({ status: 'ABORTED', error: undefined, finished: 3 });
    expect(mapRun).toMatchObject({ status: 'ABORTED', itemCounts: { succeeded: 3, pending: 7, total: 10 } });
    const files = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(keysIn(files.pending)).toEqual(items.slice(3));
  });

  it('takes back what has not begun when stopped, also what waits before a retry', async () => {
    await using place = await temporaryPlace();
    const items = Array.from({ length: 12 }, (_, index) => `key-${index}`);
    const left: string[] = [];
    const { events, onEvent } = eventLog();
    const definition = mapDefinition({ ...RESULTS, MaxConcurrency: 6, ToleratedFailureCount: 9 });
    const retried = Object.values(definition.States).flatMap((state) =>
      state.Type === 'Map' ? Object.values(state.ItemProcessor.States) : [],
    );
    for (const state of retried) Object.assign(state, { Retry: [{ ErrorEquals: ['Throttled'], IntervalSeconds: 90 }] });
    const execution = start(
      place,
      definition,
      { items },
      async (input, { stopping }) => {
        const key = input as string;
        if (key === 'key-2') throw named('Throttled');
        if (key === 'key-5') setImmediate().then(() => execution.stop());
        await new Promise((resolve) => stopping.addEventListener('abort', resolve));
        if (key === 'key-0') return {};
        // Would be tried again, were it not for the stop.
        if (key === 'key-1') throw named('Throttled');
        left.push(key);
        throw named('Execution.NotStarted');
      },
      { onEvent, retryMilliseconds: 90_000 },
    );
    const { status, mapRun } = await execution.result;
    expect(status).toBe('ABORTED');
    expect(left).toEqual(['key-3', 'key-4', 'key-5']);
    const files = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(keysIn(files.succeeded)).toEqual(['key-0']);
    expect(files.failed).toEqual([]);
    expect(keysIn(files.pending).sort()).toEqual(items.slice(1).sort());
    expect(mapRun?.itemCounts).toMatchObject({ succeeded: 1, pending: 11, running: 0, failed: 0, resultsWritten: 12 });
    expect(events.filter(({ type }) => type === 'childReturned')).toHaveLength(5);
  });

  it('has what a stopped batch did on record as ABORTED, with its own cause', async () => {
    await using place = await temporaryPlace();
    const execution = start(place, mapDefinition(RESULTS), { items: ['a'] }, async (_input, { stopping }) => {
      setImmediate().then(() => execution.stop());
      await new Promise((resolve) => stopping.addEventListener('abort', resolve));
      throw named('Execution.Stopped', 'what was done');
    });
    const { mapRun } = await execution.result;
    const { failed } = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(failed).toMatchObject([{ Status: 'ABORTED' }]);
    expect(failed[0]?.Cause).toContain('"errorMessage":"what was done"');
  });

  it('aborts what runs through its signal, and has it on record as ABORTED', async () => {
    await using place = await temporaryPlace();
    const signals: AbortSignal[] = [];
    const items = ['a', 'b', 'c'];
    const execution = start(
      place,
      mapDefinition({ ...RESULTS, MaxConcurrency: 2 }, { Retry: [{ ErrorEquals: ['States.ALL'] }] }),
      { items },
      async (_input, { signal }) => {
        signals.push(signal);
        if (signals.length === 2) execution.abort();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    );
    const { status, mapRun } = await execution.result;
    expect(status).toBe('ABORTED');
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
    expect(mapRun?.itemCounts).toMatchObject({ aborted: 2, pending: 1, running: 0, total: 3 });
    const { failed } = await resultFiles(place, mapRun?.manifest?.key ?? '');
    expect(failed.map(({ Status }) => Status)).toEqual(['ABORTED', 'ABORTED']);
  });

  it('aborts running STANDARD children when the threshold is exceeded', async () => {
    await using place = await temporaryPlace();
    const definition = mapDefinition({ ...RESULTS, MaxConcurrency: 2 }, {}, 'STANDARD');
    const execution = start(place, definition, { items: ['good', 'bad', 'late'] }, async (input, { signal }) => {
      if (input === 'bad') throw named('NotAnImage');
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const { mapRun } = await execution.result;
    expect(mapRun?.itemCounts).toMatchObject({ failed: 1, aborted: 1, pending: 1, total: 3 });
  });

  it('takes a new concurrency and a new tolerance while it runs', async () => {
    await using place = await temporaryPlace();
    let running = 0;
    let most = 0;
    let calls = 0;
    const items = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    const execution = start(place, mapDefinition({ ...RESULTS, MaxConcurrency: 1 }), { items }, async () => {
      calls += 1;
      if (calls === 1) execution.update({ maxConcurrency: 4, toleratedFailureCount: 1 });
      running += 1;
      most = Math.max(most, running);
      await setImmediate();
      running -= 1;
      if (calls === 1) throw named('NotAnImage');
      return {};
    });
    const { status } = await execution.result;
    expect({ status, most }).toEqual({ status: 'SUCCEEDED', most: 4 });
    expect(() => execution.update({ maxConcurrency: -1 })).toThrow('MaxConcurrency cannot be negative.');
  });

  it('gives the outputs in item order when there is no ResultWriter', async () => {
    await using place = await temporaryPlace();
    const items = Array.from({ length: 20 }, (_, index) => index);
    const execution = start(place, mapDefinition(), { items }, async (input) => {
      await setTimeout((20 - Number(input)) % 5);
      return { value: input as Json };
    });
    expect((await execution.result).output).toEqual(items.map((value) => ({ value })));
  });

  it('runs all items again when the Map state is retried', async () => {
    await using place = await temporaryPlace();
    const seen: unknown[] = [];
    const definition = mapDefinition({ ...RESULTS, MaxConcurrency: 1, Retry: [{ ErrorEquals: ['States.ALL'] }] });
    const execution = start(place, definition, { items: ['a', 'b'] }, async (input) => {
      seen.push(input);
      if (seen.length === 2) throw named('NotAnImage');
      return {};
    });
    expect((await execution.result).status).toBe('SUCCEEDED');
    expect(seen).toEqual(['a', 'b', 'a', 'b']);
  });
});
