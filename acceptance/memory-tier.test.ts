// A key that runs out of memory or time in the image function is tried once more in the large one.
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { OUT_OF_RESOURCES, TIMEOUTS } from '../lib/workflow.ts';
import { file } from './images.ts';
import { records } from './records.ts';
import {
  destination,
  empty,
  ended,
  eventually,
  folder,
  keys,
  outputs,
  putFile,
  runFolder,
  source,
  start,
} from './stack.ts';

const lambda = new LambdaClient({});
const FunctionName = outputs.ProcessFunctionName;
const from = folder(source, 'tier');
const to = folder(destination, 'tier');
// Seconds of work on any machine.
const recipe = {
  outputs: [{ name: 'small', format: 'avif', resize: { width: 800 }, avif: { effort: 6 }, key: '{name}.avif' }],
};
const job = { source: formatLocation(from), destination: formatLocation(to), recipe };

async function setTimeoutSeconds(Timeout: number): Promise<void> {
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout }));
  await eventually('the changed function', async () => {
    const { LastUpdateStatus } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return LastUpdateStatus === 'InProgress' ? undefined : true;
  });
}

beforeAll(async () => {
  for (const name of ['a.jpg', 'b.jpg']) await putFile(from, name, file('photos/jolla.jpg'));
});
afterAll(() => setTimeoutSeconds(TIMEOUTS.processFunction));

it('succeeds there', async () => {
  // So short that the image function can finish nothing.
  await setTimeoutSeconds(1);
  const arn = await start({ ...job, existing: 'replace', maxConcurrency: 2 });
  const execution = await ended(arn);
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 2, succeeded: 2, failed: 0 },
    balanced: true,
  });
  expect(await keys(to)).toHaveLength(2);

  // The same key, given to the image function alone, does run out: so it was the large one that made the outputs.
  const run = runFolder(arn);
  const children = (await records(run)).map(({ record }) => record as { Input: unknown });
  const input = JSON.stringify(children[0]?.Input).replaceAll('<run>/', run.prefix);
  // A run does not make twice what it finds to be its own.
  await empty(to);
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: Buffer.from(input) }));
  const payload = Buffer.from(answer.Payload ?? []).toString();
  expect(answer.FunctionError, payload).toBeDefined();
  expect(OUT_OF_RESOURCES).toContain(JSON.parse(payload).errorType);
  await setTimeoutSeconds(TIMEOUTS.processFunction);
});

it('fails as what it is when the large one has too little as well', async () => {
  const execution = await ended(
    await start({ ...job, existing: 'replace', limits: { milliseconds: 1 }, toleratedFailureCount: 3 }),
  );
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 2, failed: 2 },
    errors: { ImageTimeout: 2 },
  });
});
