// A running run is steered: scaled, made tolerant, stopped, redriven, throttled; and each end has its account.
import { DescribeMapRunCommand, ListMapRunsCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import { imageFanout } from './local-run.ts';
import { type Account, account } from './records.ts';
import {
  destination,
  ended,
  eventually,
  executionName,
  folder,
  get,
  putFile,
  reported,
  runFolder,
  sfn,
  source,
  start,
} from './stack.ts';

const STACK = ['--stack', inject('stackName')];
const from = folder(source, 'steering');
const job = (name: string) => ({
  source: formatLocation(from),
  destination: formatLocation(folder(destination, `steering/${name}`)),
  recipe: 'web',
  maxConcurrency: 1,
});

beforeAll(async () => {
  // Photos first: with the default recipe each takes seconds, time enough to steer.
  for (let index = 0; index < 4; index++) await putFile(from, `a-${index}.jpg`, file('photos/jolla.jpg'));
  for (let index = 0; index < 4; index++) await putFile(from, `b-${index}.gif`, file(TWENTY[16] as string));
  for (let index = 0; index < 3; index++) await putFile(from, `c-${index}.jpg`, file(BROKEN));
});

/** The run's Map Run, once it is under way. */
async function mapRun(executionArn: string) {
  return await eventually('a Map Run', async () => {
    const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    const [first] = mapRuns;
    if (first === undefined) return undefined;
    const described = await sfn.send(new DescribeMapRunCommand({ mapRunArn: first.mapRunArn }));
    return (described.itemCounts?.running ?? 0) > 0 ? described : undefined;
  });
}

async function command(...args: string[]): Promise<string> {
  const { code, output, errors } = await imageFanout(...args, ...STACK);
  expect(code, `${args.join(' ')}: ${errors}`).toBe(0);
  return output;
}

it('scale and tolerate change a run that is under way', async () => {
  const arn = await start({ ...job('scaled'), toleratedFailureCount: 2 });
  const { mapRunArn } = await mapRun(arn);
  await command('scale', '3', executionName(arn));
  await command('tolerate', '3', executionName(arn));
  expect(await sfn.send(new DescribeMapRunCommand({ mapRunArn }))).toMatchObject({
    maxConcurrency: 3,
    toleratedFailureCount: 3,
  });
  const execution = await ended(arn);
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 11, succeeded: 8, failed: 3, pending: 0 },
  });
});

describe('stop', () => {
  let arn: string;
  it('ends the run as aborted; its account says what was done and what was not', async () => {
    arn = await start(job('stopped'));
    await mapRun(arn);
    await command('stop', executionName(arn));
    expect(await ended(arn)).toMatchObject({ status: 'ABORTED' });
    await reported(runFolder(arn));
    const { summary } = (await account(runFolder(arn))) as Account;
    expect(summary).toMatchObject({ status: 'interrupted', balanced: true, counts: { total: 11, failed: 0 } });
    expect(summary.counts['pending']).toBeGreaterThan(0);
  });
});

it('a share of failures is tolerated, and one more is not', async () => {
  const third = await ended(
    await start({ ...job('share'), recipe: 'thumbnail', maxConcurrency: 4, toleratedFailurePercentage: 28 }),
  );
  expect(third).toMatchObject({ status: 'SUCCEEDED' });
  const quarter = await ended(
    await start({ ...job('less'), recipe: 'thumbnail', maxConcurrency: 4, toleratedFailurePercentage: 27 }),
  );
  expect(quarter).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
});

it('more concurrency than the account has is throttled, retried, and loses nothing', async () => {
  const many = folder(source, 'many');
  for (let index = 0; index < 24; index++) await putFile(many, `${index}.gif`, file(TWENTY[16] as string));
  const execution = await ended(
    await start({ ...job('throttled'), source: formatLocation(many), recipe: 'thumbnail', maxConcurrency: 24 }),
  );
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({ counts: { total: 24, succeeded: 24 } });
});

it('start, status, watch, list and report speak of the same run', async () => {
  const name = `cli-${Date.now()}`;
  const places = [formatLocation(from), formatLocation(folder(destination, 'steering/cli'))];
  await command('start', ...places, '--name', name, '--recipe', 'thumbnail', '--exclude', 'c-*');
  await command('start', ...places, '--name', name, '--recipe', 'thumbnail', '--exclude', 'c-*');
  await command('watch', name, '--quiet');
  expect(await command('status', name)).toContain('SUCCEEDED');
  expect(await command('list', '--most', '1000')).toContain(name);
  const { output } = await imageFanout('report', name, ...STACK, '--json');
  expect(JSON.parse(output)).toMatchObject({ run: name, counts: { total: 11, succeeded: 8, skipped: 3 } });
});

it('the account of a run lies beside its result files, for people and programs', async () => {
  const arn = await start({ ...job('files'), recipe: 'thumbnail', exclude: 'c-*' });
  await ended(arn);
  const { bucket, prefix } = runFolder(arn);
  expect((await get(bucket, `${prefix}items.csv`)).toString().split('\n')).toHaveLength(13);
});
