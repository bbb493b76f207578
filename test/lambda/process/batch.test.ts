// A batch that its call has not the time for, on the real definition: another call does the rest, and the record tells of all.
import { expect, it } from 'vitest';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import type { PreparedState, ProcessEvent } from '../../../lambda/job/prepared.ts';
import { answerOf, cutOf, doneBefore } from '../../../lambda/job/wire.ts';
import { startExecution } from '../../../lib/local/execution.ts';
import type { Json } from '../../../lib/states-language.ts';
import { workflow } from '../../../lib/workflow.ts';
import { named, temporaryPlace } from '../../local/helpers/map.ts';

const FUNCTIONS = { prepare: 'arn:p', process: 'arn:i', processLarge: 'arn:l', summarize: 'arn:s' };

it('goes on where the call before ended, as often as it takes, also after one that ran out of memory', async () => {
  await using place = await temporaryPlace();
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const prepared: PreparedState = {
    canary: { kind: 'NONE' },
    reader: { kind: 'KEYS' },
    keys,
    maxConcurrency: 1,
    toleratedFailureCount: 0,
    toleratedFailurePercentage: 100,
    itemsPerInvocation: 5,
    run: { bucket: place.bucket, key: 'runs/monday/job.json' },
    results: { bucket: place.bucket, prefix: 'runs/monday' },
  };
  const calls: string[] = [];
  /** Does two keys a call. */
  const twoKeys = (event: ProcessEvent, name: string): Outcome[] => {
    const before = event.cut === undefined ? new Map<number, Outcome>() : doneBefore(event, event.cut, 'KEYS');
    calls.push(`${name} after ${before.size}`);
    let left = 2;
    return event.Items.map(({ index, item }) => {
      const done = before.get(index);
      if (done !== undefined) return done;
      left -= 1;
      const key = item as string;
      return left < 0 ? { status: 'pending', index, key } : { status: 'skipped', index, key, reason: 'upToDate' };
    });
  };
  const answer = (outcomes: Outcome[]): Json => {
    if (outcomes.some(({ status }) => status === 'pending')) throw cutOf(outcomes);
    return answerOf(outcomes) as unknown as Json;
  };
  let crashed = false;
  const execution = startExecution({
    definition: workflow({ functions: FUNCTIONS }),
    input: {},
    name: 'monday',
    openStore: place.stores.open,
    retryMilliseconds: 0,
    handlers: {
      [FUNCTIONS.prepare]: async () => prepared,
      [FUNCTIONS.process]: async (event) => {
        const outcomes = twoKeys(event as ProcessEvent, 'process');
        if (!crashed && calls.length === 2) {
          crashed = true;
          throw named('Runtime.OutOfMemory', 'RequestId: x Error: Runtime exited with error: signal: killed');
        }
        return answer(outcomes);
      },
      [FUNCTIONS.processLarge]: async (event) => answer(twoKeys(event as ProcessEvent, 'large')),
      [FUNCTIONS.summarize]: async () => ({}),
    },
  });
  const { status, error, cause } = await execution.result;
  expect({ status, error, cause }).toEqual({ status: 'SUCCEEDED', error: undefined, cause: undefined });
  // The large function begins anew: what its outputs say is up to date costs it a look.
  expect(calls).toEqual(['process after 0', 'process after 2', 'large after 0', 'process after 2', 'process after 4']);
});
