// The interpreter runs any definition as aws-local-stepfunctions does: the same calls, the same end. And it can be aborted.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDefinition } from '../../../lib/local/definition.ts';
import type { Context } from '../../../lib/local/states/context.ts';
import { createMachine } from '../../../lib/local/states/machine.ts';
import { StatesError } from '../../../lib/local/states-error.ts';
import { taskOverrides, taskScope } from '../../../lib/local/tasks.ts';
import type { Json, PayloadTemplate, State } from '../../../lib/states-language.ts';
import { judgedRun } from '../helpers/judge.ts';

const context: Context = {
  Execution: {
    Id: 'arn:child',
    Name: 'child',
    Input: { given: true },
    StartTime: '2026-01-01T00:00:00Z',
    RoleArn: 'r',
    RedriveCount: 0,
  },
  StateMachine: { Id: 'arn:machine', Name: 'machine' },
};

const errors = fc.constantFrom('Busy', 'Broken', 'States.Timeout', 'Sandbox.Timedout', 'States.Runtime');
const behaviour = fc.array(fc.oneof(fc.constant(undefined), errors), { minLength: 1, maxLength: 6 });
// None leads to null, 0, false or an empty text: of those the judge cannot read `$`, which is a value all the same.
const paths = fc.constantFrom('$', '$.name', '$.items', '$.items[1]', "$.items[1]['two']", '$.error', '$.nowhere');

const parameters = fc.constantFrom<PayloadTemplate>(
  { 'all.$': '$', 'id.$': '$$.Execution.Id', literal: { deep: 1, 'item.$': '$.items' } },
  { 'input.$': '$$.Execution.Input', 'started.$': '$$.Execution.StartTime', 'name.$': '$$.StateMachine.Name' },
  { list: [1, { deep: true }], 'all.$': '$' },
  { 'gone.$': '$.nowhere' },
  { 'first.$': '$.items[0]', 'name.$': '$$.Map.Item' },
  { 'made.$': "States.Format('{}', $.name)" },
  { list: [{ 'item.$': '$.name' }], 'a.$.b': 3 },
  { name: 'again', 'items.$': '$.items' },
);

const matched = fc.uniqueArray(fc.oneof(errors, fc.constantFrom('States.ALL', 'States.TaskFailed')), {
  minLength: 1,
  maxLength: 2,
});
const retrier = fc.record(
  { ErrorEquals: matched, MaxAttempts: fc.integer({ min: 0, max: 3 }) },
  { requiredKeys: ['ErrorEquals'], noNullPrototype: true },
);
const resultPath = fc.constantFrom('$.result', '$.name', '$.items.deep', '$.a.b', "$.a['c d']", null);
/** Onward only, so that every run ends: state n leads to one of those after it, or to the end. */
const NAMES = ['One', 'Two', 'Three', 'Four'];
const later = (from: number) => fc.constantFrom(...NAMES.slice(from + 1), 'Done', 'Failed');

function taskOrPass(from: number): fc.Arbitrary<object> {
  const onward = fc.oneof(
    fc.constant({ End: true }),
    later(from).map((Next) => ({ Next })),
  );
  const catcher = fc.record(
    { ErrorEquals: matched, ResultPath: resultPath, Next: later(from) },
    { requiredKeys: ['ErrorEquals', 'Next'], noNullPrototype: true },
  );
  const task = fc.record(
    {
      Type: fc.constant('Task'),
      Resource: fc.constant('handler'),
      InputPath: paths,
      Parameters: parameters,
      ResultSelector: parameters,
      ResultPath: resultPath,
      OutputPath: paths,
      Retry: fc.array(retrier, { maxLength: 2 }),
      Catch: fc.array(catcher, { maxLength: 2 }),
    },
    { requiredKeys: ['Type', 'Resource'], noNullPrototype: true },
  );
  const pass = fc.record(
    { Type: fc.constant('Pass'), Parameters: parameters, ResultPath: resultPath },
    { requiredKeys: ['Type'], noNullPrototype: true },
  );
  const choice = fc.record(
    {
      Type: fc.constant('Choice'),
      Choices: fc.array(
        fc.record(
          { Variable: paths, StringEquals: fc.constantFrom('n', 'again', 'Busy'), Next: later(from) },
          { noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 2 },
      ),
      Default: later(from),
    },
    { requiredKeys: ['Type', 'Choices'], noNullPrototype: true },
  );
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(task, onward).map(([fields, next]) => ({ ...fields, ...next })) },
    { weight: 1, arbitrary: fc.tuple(pass, onward).map(([fields, next]) => ({ ...fields, ...next })) },
    { weight: 1, arbitrary: choice },
  );
}

const ends = {
  Done: { Type: 'Succeed' },
  Failed: { Type: 'Fail', Error: 'Given.Up', Cause: 'no way' },
};
const definition = fc
  .tuple(...NAMES.map((_, from) => taskOrPass(from)))
  .map((states) => ({ ...Object.fromEntries(NAMES.map((name, at) => [name, states[at]])), ...ends }))
  .map((States) => ({ StartAt: 'One', States: States as unknown as Record<string, State> }));

/** Runs it in one of the two ways; tells how it ended and what its handler was given. */
async function run(
  which: 'ours' | 'judge',
  { StartAt, States }: { readonly StartAt: string; readonly States: Record<string, State> },
  answers: readonly (string | undefined)[],
) {
  const given: unknown[] = [];
  const handler = async (input: unknown) => {
    given.push(structuredClone(input));
    const failure = answers[(given.length - 1) % answers.length];
    if (failure === undefined)
      return { calls: given.length, dropped: undefined, name: 'n', items: [0, { two: 'second' }] };
    throw Object.assign(new Error(`call ${given.length}`), { name: failure, stack: 'trace' });
  };
  const overrides = taskOverrides(States, { handler })(taskScope());
  const input = { name: 'n', items: [1, { two: 'second' }] };
  const ended =
    which === 'ours'
      ? await createMachine({ StartAt, States }, 0).run(input, context, overrides).result
      : await judgedRun({ StartAt, States }, input, context, overrides);
  return { ended, given };
}

describe('an execution', () => {
  it('ends the same way with the same calls as under the judge, whatever its definition and its handler', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(definition, behaviour, async (machine, answers) => {
        checkDefinition(machine);
        const [ours, judged] = await Promise.all([run('ours', machine, answers), run('judge', machine, answers)]);
        expect(ours).toEqual(judged);
        seen.add(judged.ended.status === 'SUCCEEDED' ? 'SUCCEEDED' : (judged.ended as { error: string }).error);
      }),
      { numRuns: 1000 },
    );
    // Otherwise the generator would not see what it is there for.
    expect([...seen].sort()).toEqual(
      expect.arrayContaining(['Broken', 'Given.Up', 'SUCCEEDED', 'States.NoChoiceMatched', 'States.Runtime']),
    );
  });

  it.each([
    { when: 'its first attempt runs', failFirst: false },
    { when: 'its second attempt runs', failFirst: true },
  ])('is aborted at once while $when', async ({ failFirst }) => {
    const States = {
      First: { Type: 'Task', Resource: 'handler', Retry: [{ ErrorEquals: ['Busy'] }], End: true },
    } as unknown as Record<string, State>;
    const { promise: waits, resolve } = Promise.withResolvers<void>();
    let calls = 0;
    const First = (): Promise<Json> => {
      calls += 1;
      if (failFirst && calls === 1) return Promise.reject(new StatesError('Busy', ''));
      resolve();
      return new Promise(() => {});
    };
    const child = createMachine({ StartAt: 'First', States }, 0).run({}, context, { First });
    await waits;
    child.abort();
    await expect(child.result).resolves.toEqual({ status: 'ABORTED' });
  });

  it('that was aborted before a retry is never tried again', async () => {
    const States = {
      First: { Type: 'Task', Resource: 'handler', Retry: [{ ErrorEquals: ['Busy'] }], End: true },
    } as unknown as Record<string, State>;
    const handler = Promise.withResolvers<Json>();
    let calls = 0;
    const First = (): Promise<Json> => {
      calls += 1;
      return handler.promise;
    };
    const child = createMachine({ StartAt: 'First', States }, 0).run({}, context, { First });
    child.abort();
    handler.reject(new StatesError('Busy', ''));
    await expect(child.result).resolves.toEqual({ status: 'ABORTED' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(1);
  });

  it.each([null, 0, false, ''])('takes %j for an input like any other', async (input) => {
    const States = { Only: { Type: 'Pass', Parameters: { 'all.$': '$' }, End: true } } as unknown as Record<
      string,
      State
    >;
    const { result } = createMachine({ StartAt: 'Only', States }).run(input, context, {});
    await expect(result).resolves.toEqual({ status: 'SUCCEEDED', output: { all: input } });
  });

  it('times out by its own TimeoutSeconds', async () => {
    const States = { First: { Type: 'Task', Resource: 'handler', End: true } } as unknown as Record<string, State>;
    const machine = createMachine({ StartAt: 'First', States, TimeoutSeconds: 1 });
    const { result } = machine.run({}, context, { First: () => new Promise(() => {}) });
    await expect(result).resolves.toEqual({ status: 'TIMED_OUT' });
  });
});
