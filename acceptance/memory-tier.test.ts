// A key that runs out of memory or time in the image function is tried once more in the large one.
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatLocation } from '../lambda/location.ts';
import { TIMEOUTS } from '../lib/workflow.ts';
import { file, TWENTY } from './images.ts';
import { destination, ended, eventually, folder, keys, outputs, putFile, source, start } from './stack.ts';

const lambda = new LambdaClient({});
const FunctionName = outputs.ProcessFunctionName;
const from = folder(source, 'tier');
const to = folder(destination, 'tier');
const job = { source: formatLocation(from), destination: formatLocation(to), recipe: 'thumbnail' };

async function setTimeoutSeconds(Timeout: number): Promise<void> {
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout }));
  await eventually('the changed function', async () => {
    const { LastUpdateStatus } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return LastUpdateStatus === 'InProgress' ? undefined : true;
  });
}

beforeAll(async () => {
  for (const [index, image] of TWENTY.slice(0, 3).entries()) await putFile(from, `${index}.jpg`, file(image));
});
afterAll(() => setTimeoutSeconds(TIMEOUTS.processFunction));

it('succeeds there', async () => {
  // So short that the image function can finish nothing: it keeps three seconds to answer in.
  await setTimeoutSeconds(3);
  const execution = await ended(await start(job));
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 3, succeeded: 3, failed: 0 },
    balanced: true,
  });
  expect(await keys(to)).toHaveLength(3);
  await setTimeoutSeconds(TIMEOUTS.processFunction);
});

it('fails as what it is when the large one has too little as well', async () => {
  const execution = await ended(
    await start({ ...job, existing: 'replace', limits: { milliseconds: 1 }, toleratedFailureCount: 3 }),
  );
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 3, failed: 3 },
    errors: { ImageTimeout: 3 },
  });
});
