// Tasks: Lambda's errors, retries with backoff, catchers, timeouts, the context.
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createChildren } from '../../lib/local/children.ts';
import { type ExecutionResult, startExecution, type TaskHandler } from '../../lib/local/execution.ts';
import { mapRunNames } from '../../lib/local/names.ts';
import type { ChildRecord } from '../../lib/local/records.ts';
import { createMachine } from '../../lib/local/states/machine.ts';
import type {
  DistributedMapState,
  Json,
  Retrier,
  StateMachineDefinition,
  TaskState,
} from '../../lib/states-language.ts';
import { HANDLER, mapDefinition, named } from './helpers/map.ts';

function run(task: Partial<TaskState>, handler: TaskHandler, input: Json = {}): Promise<ExecutionResult> {
  const definition = {
    StartAt: 'Work',
    States: { Work: { Type: 'Task', Resource: HANDLER, End: true, ...task }, Caught: { Type: 'Succeed' } },
  } as StateMachineDefinition;
  const openStore = () => ({}) as never;
  return startExecution({
    definition,
    input,
    name: 'run',
    handlers: { [HANDLER]: handler },
    openStore,
    retryMilliseconds: 0,
  }).result;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a Task', () => {
  it("fails with the thrown error's name, and Lambda's payload as the Cause", async () => {
    const { error, cause = '' } = await run({}, async () => {
      throw named('NotAnImage', 'The file is text');
    });
    expect(error).toBe('NotAnImage');
    const payload = JSON.parse(cause) as { trace: string[] };
    expect(Object.keys(payload)).toEqual(['errorType', 'errorMessage', 'trace']);
    expect(payload).toMatchObject({ errorType: 'NotAnImage', errorMessage: 'The file is text' });
    expect(payload.trace.length).toBeGreaterThan(1);
  });

  it('fails also when what is thrown is no Error', async () => {
    const { error, cause } = await run({}, () => Promise.reject('no'));
    expect({ error, cause }).toEqual({
      error: 'string',
      cause: '{"errorType":"string","errorMessage":"no","trace":[]}',
    });
  });

  it('is tried again as often as its retrier says, each retrier counting for itself', async () => {
    const Retry: Retrier[] = [
      { ErrorEquals: ['Throttled'], MaxAttempts: 2 },
      { ErrorEquals: ['States.ALL'], MaxAttempts: 1 },
    ];
    const errors = ['Throttled', 'ConnectionLost', 'Throttled', 'Throttled'];
    let calls = 0;
    const { error } = await run({ Retry }, async () => {
      throw named(errors[calls++] ?? 'Unexpected');
    });
    expect({ error, calls }).toEqual({ error: 'Throttled', calls: 4 });
  });

  it('is not tried again after MaxAttempts 0, nor for an error that no retrier names', async () => {
    for (const retrier of [{ ErrorEquals: ['NotAnImage'], MaxAttempts: 0 }, { ErrorEquals: ['Throttled'] }]) {
      let calls = 0;
      await run({ Retry: [retrier] }, async () => {
        calls += 1;
        throw named('NotAnImage');
      });
      expect(calls).toBe(1);
    }
  });

  it('times out as States.Timeout, which States.TaskFailed does not match, and tells the handler', async () => {
    const handed: AbortSignal[] = [];
    const Catch = [
      { ErrorEquals: ['States.TaskFailed'], Next: 'Work' },
      { ErrorEquals: ['States.Timeout'], ResultPath: '$.error', Next: 'Caught' },
    ];
    const { output } = await run(
      { TimeoutSeconds: 1, Catch },
      async (_input, { signal }) => {
        handed.push(signal);
        await setTimeout(60_000, undefined, { signal });
      },
      { kept: true },
    );
    expect(output).toMatchObject({ kept: true, error: { Error: 'States.Timeout' } });
    expect(handed.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('does not time out while its handler only queues for the machine', async () => {
    const { output } = await run({ TimeoutSeconds: 1 }, async (_input, { signal, clock }) => {
      clock.pause();
      await setTimeout(1_500);
      clock.resume();
      return { aborted: signal.aborted };
    });
    expect(output).toMatchObject({ aborted: false });
  });

  it('goes to its catcher with Error and Cause', async () => {
    const Catch = [{ ErrorEquals: ['NotAnImage'], ResultPath: '$.error', Next: 'Caught' }];
    const { output } = await run({ Catch }, () => Promise.reject(named('NotAnImage', 'text')), { kept: 1 });
    const { error } = output as { error: { Error: string; Cause: string } };
    expect(output).toMatchObject({ kept: 1, error: { Error: 'NotAnImage' } });
    expect(JSON.parse(error.Cause)).toMatchObject({ errorMessage: 'text' });
  });

  it('answers what JSON makes of its result', async () => {
    const { output } = await run({}, async () => ({ date: new Date(0), gone: undefined, list: [undefined] }));
    expect(output).toEqual({ date: '1970-01-01T00:00:00.000Z', list: [null] });
    expect((await run({}, async () => undefined)).output).toBe(null);
  });

  it('sees the execution in its context, with the input as it was', async () => {
    const Parameters = {
      'name.$': '$$.Execution.Name',
      'input.$': '$$.Execution.Input',
      'role.$': '$$.Execution.RoleArn',
    };
    const { output } = await run({ Parameters }, async (input) => input, { a: 1 });
    expect(output).toEqual({ name: 'run', input: { a: 1 }, role: 'arn:aws:iam::000000000000:role/local' });
  });

  it('fails with States.Runtime, and where, when a path points nowhere', async () => {
    const { error, cause } = await run({ Parameters: { 'a.$': '$.missing' } }, async () => 1);
    expect(error).toBe('States.Runtime');
    expect(cause).toMatch(/^An error occurred while executing the state 'Work' \(entered at the event id #2\)\. /);
  });
});

it('waits before retries as the fields say: interval, backoff, ceiling, jitter', async () => {
  const retriers = fc.record({
    IntervalSeconds: fc.integer({ min: 1, max: 20 }),
    BackoffRate: fc.constantFrom(1, 1.5, 2, 3),
    MaxDelaySeconds: fc.integer({ min: 1, max: 60 }),
    JitterStrategy: fc.constantFrom('NONE' as const, 'FULL' as const),
  });
  await fc.assert(
    fc.asyncProperty(retriers, async (retrier) => {
      const waits: number[] = [];
      vi.spyOn(globalThis, 'setTimeout').mockImplementation(((work: () => void, milliseconds = 0) => {
        waits.push(milliseconds);
        queueMicrotask(work);
        return 0;
      }) as never);
      const state = {
        Type: 'Task',
        Resource: HANDLER,
        End: true,
        Retry: [{ ErrorEquals: ['X'], MaxAttempts: 4, ...retrier }],
      } as const;
      const machine = createMachine({ StartAt: 'Work', States: { Work: state } });
      const context = { Execution: {}, StateMachine: {} } as never;
      await machine.run({}, context, { Work: () => Promise.reject(named('X')) }).result;
      vi.restoreAllMocks();
      const { IntervalSeconds, BackoffRate, MaxDelaySeconds, JitterStrategy } = retrier;
      const full = [0, 1, 2, 3].map((n) => Math.min(IntervalSeconds * BackoffRate ** n, MaxDelaySeconds) * 1000);
      if (JitterStrategy === 'NONE') expect(waits).toEqual(full);
      // A wait of nothing needs no timer.
      else expect(waits.every((wait) => wait >= 0 && wait <= Math.max(...full))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it('ends an EXPRESS child that takes too long as TIMED_OUT', async () => {
  const records: ChildRecord[] = [];
  const ended = Promise.withResolvers<void>();
  const children = createChildren({
    state: mapDefinition().States['Map'] as DistributedMapState,
    names: mapRunNames('machine', 'Items', 'uuid', 'EXPRESS'),
    handlers: { [HANDLER]: (_input, { signal }) => setTimeout(60_000, undefined, { signal }) },
    expressMilliseconds: 30,
    onStart: () => {},
    onReturn: () => {},
    onEnd: ({ record }) => {
      records.push(record);
      if (records.length === 2) ended.resolve();
    },
  });
  for (const Input of ['1', '2'])
    children.start({ record: { Input, InputDetails: { Included: true }, Status: 'PENDING' }, items: 1 });
  await ended.promise;
  expect(records.map(({ Status, Error: error }) => ({ Status, error }))).toEqual([
    { Status: 'TIMED_OUT', error: undefined },
    { Status: 'TIMED_OUT', error: undefined },
  ]);
  expect(children.running()).toBe(0);
});
