// A run whose account is too large for one function, by a low bound: made in parts, row for row the account that one function writes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  paginateListFunctions,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ENVIRONMENT } from '../lambda/contract/environment.ts';
import { directoryLocation, formatLocation, type Location } from '../lambda/contract/location.ts';
import { writeAccount } from '../lambda/report/account.ts';
import { csvHeader } from '../lambda/report/csv.ts';
import { readJob } from '../lambda/report/run-folder.ts';
import { type Summary, summarySchema } from '../lambda/report/summary.ts';
import { directoryStore } from '../lambda/store/directory.ts';
import { BROKEN, file } from './images.ts';
import { destination, ended, folder, get, keys, putFile, reported, runFolder, source, start } from './stack.ts';

const lambda = new LambdaClient({});
const from = folder(source, 'parts');
const job = (name: string) => ({
  source: formatLocation(from),
  destination: formatLocation(folder(destination, `parts/${name}`)),
  recipe: 'thumbnail',
});

/** The functions that ask for the bound, and their environments as they were. */
const before = new Map<string, Record<string, string>>();

beforeAll(async () => {
  for (let index = 0; index < 12; index++) await putFile(from, `${index}.jpg`, file('photos/jolla.jpg'));
  await putFile(from, '20.jpg', file(BROKEN));
  for await (const { Functions = [] } of paginateListFunctions({ client: lambda }, {})) {
    for (const { FunctionName = '' } of Functions) {
      if (!FunctionName.startsWith(inject('stackName'))) continue;
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      if (Environment?.Variables?.[ENVIRONMENT.wholeAccountBytes] === undefined) continue;
      before.set(FunctionName, Environment.Variables);
    }
  }
  expect(before.size).toBe(3);
  for (const [name, variables] of before)
    await setEnvironment(name, { ...variables, [ENVIRONMENT.wholeAccountBytes]: '0' });
}, 300_000);
afterAll(async () => {
  for (const [name, variables] of before) await setEnvironment(name, variables);
});

async function setEnvironment(FunctionName: string, Variables: Record<string, string>): Promise<void> {
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
}

/** The account that one function would write, made here from the run's own result files. */
async function madeHere(run: Location, end: Pick<Summary, 'error' | 'cause'> & { status: 'SUCCEEDED' | 'FAILED' }) {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-parts-'));
  const store = directoryStore(root);
  try {
    for (const key of await keys(run)) {
      const name = key.slice(run.prefix.length);
      if (name === 'job.json' || /^[0-9a-f-]{36}\//.test(name))
        await store.write(`run/${name}`, await get(run.bucket, key));
    }
    const here = { ...directoryLocation(root), prefix: 'run/' };
    const { error, cause, status } = end;
    const summary = await writeAccount({
      store,
      folder: here,
      job: await readJob(store, here),
      status,
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    });
    const text = async (name: string) => (await store.read(`run/${name}`)).body.toString();
    return { summary, csv: await text('items.csv'), jsonl: await text('items.jsonl') };
  } finally {
    await store.close();
    await rm(root, { recursive: true, force: true });
  }
}

async function inParts(run: Location, extension: 'csv' | 'jsonl'): Promise<string[]> {
  const names = (await keys(run)).filter((key) => key.includes('/items/') && key.endsWith(`.${extension}.zst`));
  return await Promise.all(names.sort().map(async (key) => zstdDecompressSync(await get(run.bucket, key)).toString()));
}

it.each([
  ['succeeded', { toleratedFailureCount: 5 }, 'SUCCEEDED'],
  ['failed', { toleratedFailureCount: 0, maxConcurrency: 1 }, 'FAILED'],
] as const)(
  'that %s',
  async (name, more, status) => {
    const arn = await start({ ...job(name), ...more });
    const execution = await ended(arn);
    expect(execution, execution.cause).toMatchObject({ status });
    if (status === 'SUCCEEDED')
      expect(JSON.parse(execution.output ?? '')).toMatchObject({ accountError: { error: 'AccountInParts' } });
    const run = runFolder(arn);
    await reported(run);
    const summary = summarySchema.parse(JSON.parse((await get(run.bucket, `${run.prefix}summary.json`)).toString()));
    const whole = await madeHere(run, { ...summary, status });
    expect(summary.counts).toEqual(whole.summary.counts);
    expect(summary.counts.total).toBe(13);
    expect(summary.check).toEqual({ balanced: true, problems: [] });
    for (const field of [
      'errors',
      'bytes',
      'outputs',
      'milliseconds',
      'slowest',
      'formats',
      'renditions',
      'distribution',
      'attempts',
      'status',
    ] as const)
      expect(summary[field], field).toEqual(JSON.parse(JSON.stringify(whole.summary[field])));
    const [csv, jsonl] = [await inParts(run, 'csv'), await inParts(run, 'jsonl')];
    expect(csv.length).toBe(summary.itemParts);
    expect(csv.length).toBe(Math.ceil(13 / 4));
    expect(jsonl.join('')).toBe(whole.jsonl);
    expect(csvHeader() + csv.map((text) => text.slice(csvHeader().length)).join('')).toBe(whole.csv);
    expect(summary.page).toBeDefined();
  },
  300_000,
);
