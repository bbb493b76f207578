// The fast item selector gives what the interpreter's Pass state gives, for any template.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Context, loadInterpreter, type MapItem } from '../../lib/local/interpreter.ts';
import { createSelector } from '../../lib/local/selector.ts';
import type { Json, PayloadTemplate } from '../../lib/states-language.ts';

const context: Context = {
  Execution: {
    ...{ Id: 'arn', Name: 'run', Input: { from: 'outside' }, StartTime: '2026-11-22T00:00:00.000Z' },
    ...{ RoleArn: 'role', RedriveCount: 0 },
  },
  StateMachine: { Id: 'arn', Name: 'machine' },
};
const input: Json = { bucket: 'photos', nested: { list: [1, 2, 3], none: null }, empty: '' };

const PATHS = [
  ...['$', '$.bucket', '$.nested', '$.nested.list[1]', '$.nested.none', '$.empty', '$.missing'],
  ...['$$.Execution.Name', '$$.Execution.Input.from', '$$.Execution.StartTime', '$$.StateMachine.Name'],
  ...['$$.Map.Item', '$$.Map.Item.Index', '$$.Map.Item.Value', '$$.Map.Item.Key', '$$.Map.Item.Source'],
  ...['$$.Map.Item.Value.Key', '$$.Map.Item.Value.a.b', '$$.Map.Item.Value.length', "$$.Map.Item.Value['Key']"],
  ...["States.Format('{}-{}', $.bucket, $$.Map.Item.Index)", 'States.ArrayLength($.nested.list)'],
  ...['States.JsonToString($$.Map.Item.Value)', "States.Format('{}', $$.Execution.Name)"],
];

const { template } = fc.letrec<{ template: PayloadTemplate; field: [string, Json] }>((tie) => ({
  template: fc.array(tie('field'), { maxLength: 3 }).map((fields) => Object.fromEntries(fields)),
  field: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(fc.constantFrom('a.$', 'b.$', 'c.d.$', 'x.$y.$'), fc.constantFrom(...PATHS)),
    fc.tuple(fc.constantFrom('e', 'f.$g', 'h'), fc.constantFrom<Json>('text', '$.bucket', 1, null, true, [1, 'b'])),
    fc.tuple(fc.constantFrom('i', 'j'), tie('template')),
    fc.tuple(fc.constant('k'), fc.array(tie('template'), { maxLength: 2 })),
  ),
}));

const item: fc.Arbitrary<MapItem> = fc.record(
  {
    Index: fc.nat(),
    Value: fc.oneof(
      fc.constantFrom<Json>('key', '', 0, null, [], [1], { Key: 'k' }, { a: { b: [1] } }, { a: null }),
      fc.json().map((text) => JSON.parse(text) as Json),
    ),
    Source: fc.constant('s3://photos'),
    Key: fc.string(),
  },
  { requiredKeys: ['Index', 'Value', 'Source'] },
);

const outcome = async (work: () => Promise<Json>): Promise<Json> => {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: (error as Error).name, message: (error as Error).message };
  }
};

it('equals the pure Pass-state way', async () => {
  const interpreter = await loadInterpreter();
  await fc.assert(
    fc.asyncProperty(template, fc.array(item, { minLength: 1, maxLength: 3 }), async (ItemSelector, items) => {
      for (const Item of items) {
        const fast = await outcome(async () => {
          const select = await createSelector(ItemSelector, input, context, interpreter);
          return JSON.parse(await select(Item)) as Json;
        });
        const pure = await outcome(() => interpreter.evaluate(ItemSelector, input, { ...context, Map: { Item } }));
        // Both fail, or both give the same; which of several missing paths is named may differ.
        if ('error' in Object(pure)) expect(Object(fast)).toMatchObject({ error: Object(pure).error });
        else expect(fast).toEqual(JSON.parse(JSON.stringify(pure)));
      }
    }),
    { numRuns: 400 },
  );
});

it('gives a new answer each time where a function does', async () => {
  const select = await createSelector({ 'id.$': 'States.UUID()' }, input, context, await loadInterpreter());
  const Item = { Index: 0, Value: 1, Source: 'STATE_DATA' };
  expect(await select(Item)).not.toBe(await select(Item));
});
