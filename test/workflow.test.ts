// The workflow is valid Amazon States Language, and holds what the project promises of it.
import aslValidator from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { TRANSIENT_ERRORS } from '../lambda/contract/errors.ts';
import type { DistributedMapState, State, TaskState } from '../lib/states-language.ts';
import { TIMEOUTS, workflow } from '../lib/workflow.ts';

const arn = (name: string) => `arn:aws:lambda:eu-central-1:123456789012:function:${name}`;
const definition = workflow({
  functions: { prepare: arn('p'), process: arn('i'), processLarge: arn('l'), summarize: arn('s') },
});
const states = Object.entries(definition.States);
const maps = states.filter((entry): entry is [string, DistributedMapState] => entry[1].Type === 'Map');
const tasks = [...states, ...maps.flatMap(([, map]) => Object.entries(map.ItemProcessor.States))].filter(
  (entry): entry is [string, TaskState & State] => entry[1].Type === 'Task',
);

describe('the workflow', () => {
  it('is valid Amazon States Language', () => {
    const { isValid, errors } = aslValidator(definition);
    expect(errors).toEqual([]);
    expect(isValid).toBe(true);
  });

  it('gives each Map both bounds of tolerated failures, so that neither means zero by being left out', () => {
    expect(maps.length).toBeGreaterThan(0);
    for (const [, map] of maps) {
      // A canary has its own.
      const settings = map.Label === 'Canary' ? '$.canary' : '$';
      expect(map).toMatchObject({
        ToleratedFailureCountPath: `${settings}.toleratedFailureCount`,
        ToleratedFailurePercentagePath: `${settings}.toleratedFailurePercentage`,
        MaxConcurrencyPath: `${settings}.maxConcurrency`,
      });
    }
  });

  it('has the canary before the rest, whose reader is chosen when it went well', () => {
    const { Prepare, ...rest } = Object.fromEntries(states);
    expect(Prepare).toMatchObject({ Next: 'Choose canary' });
    expect(rest['Choose canary']).toMatchObject({ Default: 'Choose reader', Choices: [{ Next: 'Process canary' }] });
    expect(rest['Process canary']).toMatchObject({ Next: 'Choose reader', ItemsPath: '$.canary.items' });
  });

  it('catches no error of a Map: a caught Map cannot be redriven', () => {
    for (const [, map] of maps) expect(map).not.toHaveProperty('Catch');
    for (const [, map] of maps) expect(map).not.toHaveProperty('Retry');
  });

  it('has EXPRESS children, a Label and a ResultWriter for each Map', () => {
    for (const [, map] of maps) {
      expect(map.ItemProcessor.ProcessorConfig).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' });
      expect(map.ResultWriter?.WriterConfig).toEqual({ Transformation: 'NONE', OutputType: 'JSONL' });
    }
    const labels = maps.map(([, map]) => map.Label);
    expect(new Set(labels).size).toBe(maps.length);
  });

  it('retries every transient class, with full jitter, and no permanent one', () => {
    for (const [, { Retry = [] }] of tasks) {
      const named = Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
      expect(named).toEqual(expect.arrayContaining([...TRANSIENT_ERRORS, 'Lambda.TooManyRequestsException']));
      expect(named.filter((name) => !name.startsWith('Lambda.'))).toEqual(TRANSIENT_ERRORS);
      for (const retrier of Retry) expect(retrier.JitterStrategy).toBe('FULL');
    }
  });

  it('has timeouts that hold each other', () => {
    expect(TIMEOUTS.processFunction).toBeLessThan(TIMEOUTS.processTask);
    expect(TIMEOUTS.processLargeFunction).toBeLessThan(TIMEOUTS.processLargeTask);
    expect(TIMEOUTS.processTask + TIMEOUTS.processLargeTask).toBeLessThan(TIMEOUTS.child);
    for (const [, task] of tasks) expect(task.TimeoutSeconds).toBeGreaterThan(0);
  });
});
