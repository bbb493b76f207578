// The item selector, and with it payload templates, give what the judge's Pass state gives, for any template.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSelector } from '../../lib/local/selector.ts';
import type { Context, MapItem } from '../../lib/local/states/context.ts';
import type { Json, PayloadTemplate } from '../../lib/states-language.ts';
import { judgedTemplate } from './helpers/judge.ts';

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
  ...["States.Format('a, (b) {}, {}', $$.Map.Item.Value, 'it')", "States.Format('{}')", "States.Format('{}', 1, 2)"],
  ...["States.Array(1, 'x', $.bucket, States.Array(true, null), -2.5)", 'States.ArrayLength($$.Map.Item.Value)'],
  ...["$.nested['list'][0]", '$.nested.list[7]', '$$.Map.Item.Value[0]', "States.Format('{}', States.Format('-'))"],
];

const { template } = fc.letrec<{ template: PayloadTemplate; field: [string, Json] }>((tie) => ({
  template: fc.array(tie('field'), { maxLength: 3 }).map((fields) => Object.fromEntries(fields)),
  field: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(fc.constantFrom('a.$', 'b.$', 'c.d.$', '__proto__.$'), fc.constantFrom(...PATHS)),
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

/** The judge takes every backslash from a function's text, those of JSON, too: both are compared without any. */
const comparable = (json: string) => json.replaceAll('\\', '');

describe('an item selector', () => {
  it('equals what the judge makes of its template, errors included', async () => {
    await fc.assert(
      fc.asyncProperty(template, fc.array(item, { minLength: 1, maxLength: 3 }), async (ItemSelector, items) => {
        const select = createSelector(ItemSelector, input, context);
        for (const Item of items) {
          const judged = await judgedTemplate(ItemSelector, input, { ...context, Map: { Item } });
          if (judged.status === 'SUCCEEDED') {
            expect(comparable(select(Item))).toBe(comparable(JSON.stringify(judged.output)));
          } else {
            const failure = { name: judged.error, message: judged.cause };
            expect(() => select(Item)).toThrow(expect.objectContaining(failure));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('makes JSON of any value that is that value again', () => {
    const select = createSelector({ 'text.$': 'States.JsonToString($$.Map.Item.Value)' }, input, context);
    fc.assert(
      fc.property(item, (Item) => {
        expect(JSON.parse(JSON.parse(select(Item)).text)).toEqual(JSON.parse(JSON.stringify(Item.Value)));
      }),
    );
  });

  it('gives a new answer each time where a function does', () => {
    const select = createSelector({ 'id.$': 'States.UUID()' }, input, context);
    const Item = { Index: 0, Value: 1, Source: 'STATE_DATA' };
    expect(select(Item)).not.toBe(select(Item));
  });

  it('takes from a name nothing but the .$ at its end', () => {
    const select = createSelector({ 'x.$y.$': '$.bucket', '__proto__.$': '$.empty' }, input, context);
    expect(select({ Index: 0, Value: 1, Source: 'STATE_DATA' })).toBe('{"x.$y":"photos","__proto__":""}');
  });
});
