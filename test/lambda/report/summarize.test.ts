// Summarize: a run whose account cannot be made still ends as what it was, on the real definition.
import { expect, it } from 'vitest';
import type { PreparedState, SummarizeEvent } from '../../../lambda/job/prepared.ts';
import { createSummarize } from '../../../lambda/report/summarize.ts';
import { startExecution } from '../../../lib/local/execution.ts';
import type { Json } from '../../../lib/states-language.ts';
import { workflow } from '../../../lib/workflow.ts';
import { named, temporaryPlace } from '../../local/helpers/map.ts';

const FUNCTIONS = { prepare: 'arn:p', process: 'arn:i', processLarge: 'arn:l', summarize: 'arn:s' };

it('ends with what the Map Run counted, why there is no account, and what makes it', async () => {
  await using place = await temporaryPlace();
  const counts = { total: 2, succeeded: 2, failed: 0, pending: 0 };
  const asked: string[] = [];
  const summarize = createSummarize({
    open: place.stores.open,
    itemCounts: async (arn) => {
      asked.push(arn);
      return counts;
    },
  });
  const prepared: PreparedState = {
    canary: { kind: 'NONE' },
    reader: { kind: 'KEYS' },
    keys: ['a.jpg', 'b.jpg'],
    maxConcurrency: 2,
    toleratedFailureCount: 0,
    toleratedFailurePercentage: 100,
    itemsPerInvocation: 1,
    run: { bucket: place.bucket, key: 'runs/monday/job.json' },
    results: { bucket: place.bucket, prefix: 'runs/monday' },
  };
  const execution = startExecution({
    definition: workflow({ functions: FUNCTIONS }),
    input: {},
    name: 'monday',
    openStore: place.stores.open,
    retryMilliseconds: 0,
    handlers: {
      [FUNCTIONS.prepare]: async () => prepared,
      [FUNCTIONS.process]: async () => ({ outcomes: [] }),
      [FUNCTIONS.processLarge]: async () => ({ outcomes: [] }),
      [FUNCTIONS.summarize]: async (event) => {
        if ((event as SummarizeEvent).accountFailure === undefined)
          throw named('DestinationFull', 'ENOSPC: no space left on device, write');
        return (await summarize(event as SummarizeEvent)) as unknown as Json;
      },
    },
  });
  const { status, output, error } = await execution.result;
  expect({ status, error }).toEqual({ status: 'SUCCEEDED', error: undefined });
  expect(asked).toEqual([expect.stringContaining(':mapRun:')]);
  expect(output).toMatchObject({
    run: 'monday',
    status: 'succeeded',
    executionStatus: 'SUCCEEDED',
    itemCounts: counts,
    accountError: { error: 'DestinationFull', message: 'ENOSPC: no space left on device, write' },
    command: expect.stringMatching(/^npx image-fanout report .*runs\/monday\/$/),
  });
});
