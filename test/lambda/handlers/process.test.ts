// What the image function logs: every line says whose work it was, on Lambda as in the embedded engine's children.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunKeys, runOf } from '../../../lambda/handlers/run.ts';
import { createPrepare } from '../../../lambda/prepare.ts';
import type { ProcessEvent } from '../../../lambda/prepared.ts';
import { runJob } from '../../end-to-end/job-run.ts';
import { makePlaces, type Places } from '../../helpers/places.ts';

const HANDLER = resolve(import.meta.dirname, '../../../lambda/handlers/process.ts');
const CHILD = 'arn:aws:states:eu-central-1:123456789012:express:Fanout/Keys:0b31c65f:7f2d9a11';

let places: Places;
let event: ProcessEvent;
beforeAll(async () => {
  places = await makePlaces('directories');
  const image = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#284' } })
    .jpeg()
    .toBuffer();
  await places.open(places.source.bucket).write(`${places.source.prefix}a.jpg`, image);
  const { source, destination, open } = places;
  const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } });
  const input = { recipe: 'thumbnail', keys: ['a.jpg', 'missing.jpg'], toleratedFailurePercentage: 100 };
  const { run } = await prepare({ input, execution: { name: 'monday', startTime: '2026-01-01T00:00:00Z' } });
  event = { child: CHILD, BatchInput: { run }, Items: input.keys.map((item, index) => ({ index, item })) };
});
afterAll(() => places.close());

describe('the image function', () => {
  it('puts execution, Map Run, child and key on every line', async () => {
    const script = `
      const { handler } = await import(${JSON.stringify(HANDLER)});
      const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 };
      await handler(${JSON.stringify(event)}, context).catch(() => {});`;
    const env = { ...process.env, NODE_NO_WARNINGS: '1', POWERTOOLS_LOG_LEVEL: 'DEBUG', POWERTOOLS_DEV: 'false' };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...env, POWERTOOLS_METRICS_NAMESPACE: 'ImageFanout' },
    });
    const lines = `${stdout}${stderr}`
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const whose: RunKeys = { execution: 'monday', mapRun: 'Fanout/Keys', child: CHILD };
    const [metrics, logs] = [lines.filter((line) => '_aws' in line), lines.filter((line) => !('_aws' in line))];
    expect(new Set(logs.map(({ level, key, message }) => ({ level, key, message })))).toEqual(
      new Set([
        { level: 'ERROR', key: 'missing.jpg', message: expect.stringMatching(/^SourceNotFound: /) },
        { level: 'DEBUG', key: 'a.jpg', message: 'succeeded' },
      ]),
    );
    for (const line of logs) expect(line).toMatchObject(whose);
    expect(metrics.length).toBeGreaterThan(0);
    expect(metrics.at(-1)).toMatchObject(whose);
  });
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
    places,
    { recipe: 'thumbnail', keys: ['a.jpg'] },
    {
      around: (process) => (given, context) => {
        children.push(given.child ?? '');
        return process(given, context);
      },
    },
  );
  expect(children).toEqual([expect.stringMatching(/^arn:aws:states:[^:]+:\d+:express:[^:/]+\/Keys:[^:]+(:[^:]+)?$/)]);
});
