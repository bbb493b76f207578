// The handlers as Lambda runs them: every log line of the image function says whose work it was; no directory is reached.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLocation } from '../../../lambda/contract/location.ts';
import type { Used } from '../../../lambda/contract/used.ts';
import { type RunKeys, runOf } from '../../../lambda/handlers/run.ts';
import type { ProcessEvent } from '../../../lambda/job/prepared.ts';
import { createPrepare } from '../../../lambda/prepare/prepare.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';
import { runJob } from '../../end-to-end/job-run.ts';
import { startFaultProxy } from '../../helpers/fault-proxy.ts';
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts';

const HANDLERS = resolve(import.meta.dirname, '../../../lambda/handlers');
const CHILD = 'arn:aws:states:eu-central-1:123456789012:express:Fanout/Keys:0b31c65f:7f2d9a11';

const [source, destination] = [parseLocation('s3://photos/in/'), parseLocation('s3://site/out/')];

let server: S3Server;
let stores: Stores;
let event: ProcessEvent;
beforeAll(async () => {
  server = await startS3Server(['photos', 'site']);
  stores = openStores({ s3: { client: server.client } });
  const { open } = stores;
  const image = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#284' } })
    .jpeg()
    .toBuffer();
  await open('photos').write('in/a.jpg', image);
  const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } });
  const input = { recipe: 'thumbnail', keys: ['in/a.jpg', 'in/missing.jpg'], toleratedFailurePercentage: 100 };
  const { run } = await prepare({ input, execution: { name: 'monday', startTime: '2026-01-01T00:00:00Z' } });
  event = { child: CHILD, BatchInput: { run }, Items: input.keys.map((item, index) => ({ index, item })) };
});
afterAll(async () => {
  await stores.close();
  await server.stop();
});

function handlerEnv(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...server.env,
    NODE_NO_WARNINGS: '1',
    POWERTOOLS_LOG_LEVEL: 'DEBUG',
    POWERTOOLS_METRICS_NAMESPACE: 'ImageFanout',
    IMAGE_FANOUT_SOURCE: 's3://photos/in/',
    IMAGE_FANOUT_DESTINATION: 's3://site/out/',
    IMAGE_FANOUT_RESULTS: 's3://site/results/',
    IMAGE_FANOUT_MAX_CONCURRENCY: '4',
    IMAGE_FANOUT_MEMORY: '1769',
    IMAGE_FANOUT_STACK: 'Fanout',
  };
}

/** Runs a handler as Lambda would, in a process of its own; answers its lines on standard output and error. */
async function invoke(name: string, input: unknown): Promise<Record<string, unknown>[]> {
  const script = `
    const { handler } = await import(${JSON.stringify(resolve(HANDLERS, `${name}.ts`))});
    const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 };
    await handler(${JSON.stringify(input)}, context).catch(() => {});
    process.exit();`;
  const args = ['--input-type=module', '--eval', script];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: handlerEnv() });
  return `${stdout}${stderr}`
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the image function', () => {
  it('puts execution, Map Run, child and key on every line', async () => {
    const lines = await invoke('process', event);
    const whose: RunKeys = { execution: 'monday', mapRun: 'Fanout/Keys', child: CHILD };
    const [metrics, logs] = [lines.filter((line) => '_aws' in line), lines.filter((line) => !('_aws' in line))];
    expect(new Set(logs.map(({ level, key, message }) => ({ level, key, message })))).toEqual(
      new Set([
        { level: 'ERROR', key: 'in/missing.jpg', message: expect.stringMatching(/^SourceNotFound: /) },
        { level: 'DEBUG', key: 'in/a.jpg', message: 'succeeded' },
      ]),
    );
    expect(
      metrics.map(({ Succeeded, Failed, FailedByClass, error }) => [Succeeded, Failed, FailedByClass, error]),
    ).toEqual([
      [undefined, undefined, 1, 'SourceNotFound'],
      [1, 1, undefined, undefined],
    ]);
    for (const line of lines) expect(line).toMatchObject(whose);
  });
});

it.each([{ source: '/etc/' }, { manifest: '/etc/hostname' }, { destination: '/tmp/' }])(
  'Prepare refuses a directory of the machine that it runs on: %j',
  async (input) => {
    const [line] = await invoke('prepare', { input, execution: { name: 'x', startTime: '2026-01-01T00:00:00Z' } });
    expect(line).toMatchObject({ message: 'Refused the job', execution: 'x', error: { name: 'InvalidJob' } });
  },
);

it('the image function tells what it used: its requests as the server counted them, its time, its memory', async () => {
  const proxy = await startFaultProxy({ target: server.endpoint });
  try {
    const script = `
      const { handler } = await import(${JSON.stringify(resolve(HANDLERS, 'process.ts'))});
      const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 };
      const event = ${JSON.stringify({ ...event, Items: event.Items.slice(0, 1) })};
      const used = [];
      for (const _ of [1, 2]) used.push((await handler(event, context)).used);
      process.stderr.write('USED' + JSON.stringify(used));
      process.exit();`;
    const env = {
      ...handlerEnv(),
      AWS_ENDPOINT_URL: proxy.endpoint,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
    };
    const args = ['--input-type=module', '--eval', script];
    const { stderr } = await promisify(execFile)(process.execPath, args, { env });
    const [first, second] = JSON.parse(stderr.split('USED')[1] as string) as [Used, Used];
    const sent = proxy.requests.map(({ method }) => method);
    expect(first.gets + second.gets).toBe(sent.filter((method) => method === 'GET' || method === 'HEAD').length);
    expect(first.puts + second.puts).toBe(sent.filter((method) => method === 'PUT' || method === 'POST').length);
    expect(first).toMatchObject({ mb: 1769 });
    // The start of the environment is billed with its first invocation, and the prepared job is read once.
    expect(first.ms).toBeGreaterThan(second.ms);
    expect(first.gets).toBeGreaterThan(second.gets);
  } finally {
    await proxy.stop();
  }
});

it.each([
  { memory: '3008', oneImage: 'true', threads: 2 },
  { memory: '10240', oneImage: 'true', threads: 6 },
  { memory: '10240', oneImage: '', threads: 1 },
])('the large image function gives its one image all processors: %j', async ({ memory, oneImage, threads }) => {
  const script = `
    await import(${JSON.stringify(resolve(HANDLERS, 'process.ts'))});
    const { default: sharp } = await import(${JSON.stringify(import.meta.resolve('sharp'))});
    console.log(sharp.concurrency());`;
  const env = {
    ...process.env,
    NODE_NO_WARNINGS: '1',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memory,
    IMAGE_FANOUT_ONE_IMAGE: oneImage,
    IMAGE_FANOUT_RESULTS: 's3://site/results/',
    IMAGE_FANOUT_STACK: 'Fanout',
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env });
  expect(stdout.trim()).toBe(String(threads));
});

describe('runOf', () => {
  it('reads execution and Map Run from the names', () => {
    expect(runOf(event)).toEqual({ execution: 'monday', mapRun: 'Fanout/Keys', child: CHILD });
  });

  it('leaves the Map Run empty for an execution that a definition without it started', () => {
    const { child: _, ...before } = event;
    expect(runOf(before)).toEqual({ execution: 'monday', mapRun: '', child: '' });
  });
});

it('a child of the embedded engine is given its ARN too', async () => {
  const children: string[] = [];
  await runJob(
    { source, destination, open: stores.open },
    { recipe: 'thumbnail', keys: ['in/a.jpg'] },
    {
      around: (process) => (given, context) => {
        children.push(given.child ?? '');
        return process(given, context);
      },
    },
  );
  expect(children).toEqual([expect.stringMatching(/^arn:aws:states:[^:]+:\d+:express:[^:/]+\/Keys:[^:]+(:[^:]+)?$/)]);
});
