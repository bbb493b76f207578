// The first attempt without the interpreter: whatever a child's handler does, everything is as the interpreter alone would have it.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withFirstAttempt } from '../../lib/local/first-attempt.ts';
import { type Context, loadInterpreter } from '../../lib/local/interpreter.ts';
import { StatesError } from '../../lib/local/states-error.ts';
import { taskOverrides, taskScope } from '../../lib/local/tasks.ts';
import type { Json, PayloadTemplate, State } from '../../lib/states-language.ts';

const interpreter = await loadInterpreter();

const context: Context = {
  Execution: {
    Id: 'arn:child',
    Name: 'child',
    Input: {},
    StartTime: '2026-01-01T00:00:00Z',
    RoleArn: 'r',
    RedriveCount: 0,
  },
  StateMachine: { Id: 'arn:machine', Name: 'machine' },
};

const failures = fc.constantFrom('Busy', 'Broken', 'States.Timeout', 'Sandbox.Timedout');
const behaviour = fc.array(fc.oneof(fc.constant(undefined), failures), { minLength: 1, maxLength: 6 });

const parameters = fc.constantFrom<PayloadTemplate | undefined>(
  undefined,
  { 'all.$': '$', 'id.$': '$$.Execution.Id', literal: { deep: 1, 'item.$': '$.items' } },
  { list: [1, { deep: true }], 'all.$': '$' },
  { 'gone.$': '$.nowhere' },
  { 'first.$': '$.items[0]', 'name.$': '$$.State.Name' },
  { 'made.$': "States.Format('{}', $.name)" },
  { list: [{ 'item.$': '$.name' }], 'a.$.b': 3 },
);

const state = fc.record(
  {
    Parameters: parameters,
    Retry: fc.constantFrom(undefined, [{ ErrorEquals: ['Busy'], MaxAttempts: 2 }], [{ ErrorEquals: ['States.ALL'] }]),
    Catch: fc.constantFrom(
      undefined,
      [{ ErrorEquals: ['Broken'], ResultPath: '$.error', Next: 'Second' }],
      [{ ErrorEquals: ['States.TaskFailed'], Next: 'Second' }],
    ),
    ResultPath: fc.constantFrom(undefined, '$.result'),
    more: fc.boolean(),
  },
  { noNullPrototype: true },
);

/** Runs a child in one of the two ways; tells how it ended and what its handler was given. */
async function run(
  which: 'interpreter' | 'first attempt',
  first: object,
  more: boolean,
  answers: readonly (string | undefined)[],
) {
  const rest = more ? { Next: 'Second' } : { End: true };
  const States = {
    First: { Type: 'Task', Resource: 'handler', ...first, ...rest },
    Second: { Type: 'Task', Resource: 'handler', End: true },
  } as unknown as Record<string, State>;
  const given: unknown[] = [];
  const handler = async (input: unknown) => {
    given.push(structuredClone(input));
    const failure = answers[(given.length - 1) % answers.length];
    if (failure === undefined) return { calls: given.length, dropped: undefined };
    throw Object.assign(new Error(`call ${given.length}`), { name: failure, stack: 'trace' });
  };
  const machine = interpreter.machine({ StartAt: 'First', States }, 0);
  const child = which === 'interpreter' ? machine : withFirstAttempt({ StartAt: 'First', States }, machine);
  const overrides = taskOverrides(States, { handler }, interpreter)(taskScope());
  const input = { name: 'n', items: [1, { two: null }] };
  const ended = await child.run(input, context, overrides).result.then(
    (output) => ({ output }),
    (error: unknown) => interpreter.failureOf(error),
  );
  return { ended, given };
}

describe('a child', () => {
  it('ends the same way with the same calls, whatever its definition and its handler', async () => {
    await fc.assert(
      fc.asyncProperty(state, behaviour, async ({ more, ...fields }, answers) => {
        const first = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
        const [fast, slow] = await Promise.all([
          run('first attempt', first, more, answers),
          run('interpreter', first, more, answers),
        ]);
        expect(fast).toEqual(slow);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    { when: 'its first attempt runs', failFirst: false },
    { when: 'its second attempt runs', failFirst: true },
  ])('is aborted at once while $when', async ({ failFirst }) => {
    const States = {
      First: { Type: 'Task', Resource: 'handler', Retry: [{ ErrorEquals: ['Busy'] }], End: true },
    } as unknown as Record<string, State>;
    const machine = interpreter.machine({ StartAt: 'First', States }, 0);
    const { promise: waits, resolve } = Promise.withResolvers<void>();
    let calls = 0;
    const First = (): Promise<Json> => {
      calls += 1;
      if (failFirst && calls === 1) return Promise.reject(new StatesError('Busy', ''));
      resolve();
      return new Promise(() => {});
    };
    const child = withFirstAttempt({ StartAt: 'First', States }, machine).run({}, context, { First });
    await waits;
    child.abort();
    await expect(child.result.catch((error: unknown) => interpreter.failureOf(error))).resolves.toEqual({
      status: 'ABORTED',
    });
  });
});
