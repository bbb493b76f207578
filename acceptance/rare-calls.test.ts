// What a run seldom asks of AWS, so that the recording of calls has it too: watermarks, manifests below the source, keys that are
// gone, outputs that are made anew, counts of a run without an account.

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { ListMapRunsCommand } from '@aws-sdk/client-sfn';
import { beforeAll, expect, inject, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { resourcesOf } from './cdk.ts';
import { file, TWENTY } from './images.ts';
import {
  destination,
  ended,
  executionName,
  folder,
  get,
  put,
  putFile,
  results,
  runFolder,
  s3,
  sfn,
  source,
  start,
} from './stack.ts';

const from = folder(source, 'rare');
const to = folder(destination, 'rare');
const recipes = folder(results, 'recipes');
const lambda = new LambdaClient({});
const watermark = `${formatLocation(recipes)}rare-mark.png`;
const places = { source: formatLocation(from), destination: formatLocation(to) };

beforeAll(async () => {
  await putFile(from, 'a.jpg', file(TWENTY[0] as string));
});

/** Runs to its end, and answers the ARN and the output. */
async function run(job: unknown): Promise<{ readonly arn: string; readonly output: Record<string, unknown> }> {
  const arn = await start(job);
  const execution = await ended(arn);
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  return { arn, output: JSON.parse(execution.output ?? '') as Record<string, unknown> };
}

async function invoke(part: string, payload: unknown): Promise<{ readonly failed?: string; readonly answer: string }> {
  const functions = await resourcesOf(inject('stackName'), 'AWS::Lambda::Function');
  const FunctionName = functions.find(([id]) => id.includes(part))?.[1];
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(payload) }),
  );
  return {
    ...(FunctionError === undefined ? {} : { failed: FunctionError }),
    answer: Buffer.from(Payload ?? []).toString(),
  };
}

it('a manifest may lie below the source', async () => {
  await put(from, 'list.csv', `key\n${from.prefix}a.jpg\n`);
  const job = { ...places, manifest: `${places.source}list.csv`, recipe: 'thumbnail' };
  expect((await run(job)).output).toMatchObject({ counts: { total: 1, succeeded: 1 } });
});

it('a watermark below the recipes, or below the destination, is read; one that was deleted since is missing, not forbidden', async () => {
  await putFile(recipes, 'rare-mark.png', file('png/blackbug.png'));
  await putFile(to, 'mark.png', file('png/blackbug.png'));
  const marked = (image: string, name: string) => ({
    ...places,
    recipe: { outputs: [{ name, composite: [{ image }], key: `{name}-${name}.{format}` }] },
    keys: [`${from.prefix}a.jpg`],
  });
  await run(marked('mark.png', 'below'));
  const { arn } = await run(marked(watermark, 'recipes'));
  await s3.send(new DeleteObjectCommand({ Bucket: recipes.bucket, Key: `${recipes.prefix}rare-mark.png` }));
  // The same job under another name: no function has it open already.
  const { bucket, prefix } = runFolder(arn);
  const copy = folder(results, 'runs/rare-copy');
  await put(copy, 'job.json', await get(bucket, `${prefix}job.json`));
  const { failed, answer } = await invoke('ProcessFunction', {
    BatchInput: { run: { bucket, key: `${copy.prefix}job.json` } },
    Items: [{ index: 0, item: `${from.prefix}a.jpg` }],
  });
  expect(failed, answer).toBeDefined();
  expect(JSON.parse(answer)).toMatchObject({ errorType: 'SourceNotFound' });
});

it('a watermark that is not there is named before anything starts', async () => {
  const recipe = { outputs: [{ name: 'none', composite: [{ image: 'nowhere.png' }], key: '{name}.{format}' }] };
  const execution = await ended(await start({ ...places, recipe }));
  expect(execution).toMatchObject({ status: 'FAILED', error: 'InvalidJob' });
  expect(execution.cause).toContain('expected the watermark nowhere.png');
});

it('a key that is gone is missing, not forbidden', async () => {
  const job = { ...places, keys: [`${from.prefix}gone.jpg`], recipe: 'thumbnail', toleratedFailureCount: 1 };
  expect((await run(job)).output).toMatchObject({ errors: { SourceNotFound: 1 } });
});

it('outputs of another recipe are made anew', async () => {
  const of = (quality: number) => ({
    ...places,
    keys: [`${from.prefix}a.jpg`],
    recipe: {
      format: 'jpeg',
      jpeg: { quality },
      outputs: [
        { name: 'one', key: '{name}-one.jpg' },
        { name: 'two', key: '{name}-two.jpg' },
      ],
    },
  });
  await run(of(80));
  expect((await run(of(50))).output).toMatchObject({ counts: { total: 1, succeeded: 1 } });
});

it('a run whose account cannot be made is told with the counts of its Map Run', async () => {
  const { arn } = await run({ ...places, recipe: 'thumbnail', include: ['a.*'] });
  const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn: arn }));
  const { bucket, prefix } = runFolder(arn);
  const MapRunArn = mapRuns[0]?.mapRunArn;
  const summarized = await invoke('Summarize', {
    results: { bucket, prefix: prefix.replace(/\/$/, '') },
    mapRun: { MapRunArn },
    accountFailure: { Error: 'DestinationFull', Cause: 'no space' },
  });
  expect(JSON.parse(summarized.answer)).toMatchObject({ itemCounts: { total: expect.any(Number), failed: 0 } });

  await put(runFolder(arn), 'job.json', 'no JSON');
  const now = Date.now();
  const detail = {
    executionArn: arn,
    name: executionName(arn),
    status: 'ABORTED',
    startDate: now - 1000,
    stopDate: now,
  };
  const told = await invoke('ReportsReport', { detail });
  expect(JSON.parse(told.answer)).toMatchObject({ accountError: {}, itemCounts: { total: expect.any(Number) } });
});
