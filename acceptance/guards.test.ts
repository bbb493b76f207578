// Guards on the deployed stack: breaker, cap and deadline stop a run, the ramp lets it grow, and each run's guard ends with it.
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
} from '@aws-sdk/client-sfn';
import { beforeAll, expect, inject, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { resourcesOf } from './cdk.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import { type Account, account } from './records.ts';
import {
  destination,
  ended,
  eventually,
  executionName,
  folder,
  keys,
  put,
  putFile,
  reported,
  runFolder,
  sfn,
  source,
  start,
} from './stack.ts';

const KEYS = 60;
const from = folder(source, 'guards');
const job = (name: string) => ({
  source: formatLocation(from),
  destination: formatLocation(folder(destination, `guards/${name}`)),
  recipe: 'web',
  maxConcurrency: 1,
  toleratedFailurePercentage: 100,
});

beforeAll(async () => {
  for (let index = 0; index < KEYS; index++) await putFile(from, `${index}.jpg`, file('photos/jolla.jpg'));
});

async function summaryOf(arn: string) {
  await reported(runFolder(arn));
  return ((await account(runFolder(arn))) as Account).summary;
}

/** The executions of the guards' state machine for a run: its own bears the run's name, those of redrives do not. */
async function guards(): Promise<{ readonly name: string; readonly status: string }[]> {
  const machine = (await resourcesOf(inject('stackName'), 'AWS::StepFunctions::StateMachine')).find(([id]) =>
    id.includes('Guard'),
  );
  const { executions = [] } = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn: machine?.[1], maxResults: 1000 }),
  );
  return executions.map(({ name = '', status = '' }) => ({ name, status }));
}

async function guardEnded(arn: string): Promise<void> {
  await eventually('the end of the guard', async () => {
    const guard = (await guards()).find(({ name }) => name === executionName(arn));
    return guard?.status === 'SUCCEEDED' ? guard : undefined;
  });
}

it('a breaker stops a run that tolerates everything, and names the class', async () => {
  // Too little time for a photo: each fails after that much.
  const arn = await start({ ...job('breaker'), limits: { milliseconds: 700 }, breaker: { keys: 5 } });
  expect(await ended(arn)).toMatchObject({
    status: 'ABORTED',
    error: 'Breaker',
    cause: expect.stringContaining('failed by ImageTimeout'),
  });
  const summary = await summaryOf(arn);
  expect(summary).toMatchObject({ status: 'stoppedByBreaker', balanced: true, counts: { total: KEYS } });
  // Five keys, then a look that comes five seconds later at most, and one more until the notes are there.
  expect(summary.counts['failed']).toBeGreaterThanOrEqual(5);
  expect(summary.counts['failed']).toBeLessThanOrEqual(5 + (2 * 5) / 0.7 + 1);
  await guardEnded(arn);
});

it('a cap stops a run before it has cost more', async () => {
  // A photo in all sizes: thirteen PUTs and seconds of Lambda.
  const perKey = 13 * 5e-6 + 15 * 0.4e-6 + 4 * 1.73 * 0.0000133334;
  // In a CSV, which Prepare does not count: else it would refuse the job.
  const list = ['key', ...Array.from({ length: KEYS }, (_, index) => `${from.prefix}${index}.jpg`)].join('\n');
  await put(source, 'guards-list.csv', `${list}\n`);
  const manifest = `${formatLocation(source)}guards-list.csv`;
  const arn = await start({ ...job('cap'), manifest, maxCost: 12 * perKey });
  expect(await ended(arn)).toMatchObject({
    status: 'ABORTED',
    error: 'MaxCost',
    cause: expect.stringMatching(/has cost about \$0\.\d+/),
  });
  const summary = await summaryOf(arn);
  expect(summary).toMatchObject({ status: 'stoppedByCap', balanced: true, counts: { total: KEYS, failed: 0 } });
  expect(summary.counts['succeeded']).toBeGreaterThan(2);
  expect(summary.counts['succeeded']).toBeLessThanOrEqual((12 * perKey) / (13 * 5e-6 + 15 * 0.4e-6));
  await guardEnded(arn);
});

it('a deadline ends a run at its time', async () => {
  const arn = await start({ ...job('deadline'), deadline: '12s' });
  const execution = await ended(arn);
  expect(execution).toMatchObject({ status: 'ABORTED', error: 'Deadline' });
  expect((execution.stopDate?.getTime() ?? 0) - (execution.startDate?.getTime() ?? 0)).toBeLessThan(20_000);
  const summary = await summaryOf(arn);
  expect(summary).toMatchObject({ status: 'stoppedByDeadline', balanced: true, counts: { total: KEYS } });
  expect(summary.counts['pending']).toBeGreaterThan(KEYS / 2);
  await guardEnded(arn);
});

it('a ramp lets a run grow as keys succeed', async () => {
  const ramp = { baseConcurrency: 1, incrementFactor: 2, numberOfSucceeded: 4 };
  // Seconds each, so that the guard sees it grow.
  const arn = await start({ ...job('ramp'), include: ['[12]*.jpg'], maxConcurrency: 3, ramp });
  const { mapRunArn } = await eventually(
    'a Map Run',
    async () => (await sfn.send(new ListMapRunsCommand({ executionArn: arn }))).mapRuns?.[0],
  );
  const levels = new Set<number>();
  await eventually('the run at its full concurrency', async () => {
    const { maxConcurrency = 0, itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    levels.add(maxConcurrency);
    if (itemCounts?.succeeded === 0) expect(maxConcurrency).toBe(1);
    return maxConcurrency === 3 ? true : undefined;
  });
  expect(levels.has(1)).toBe(true);
  expect(await ended(arn)).toMatchObject({ status: 'SUCCEEDED' });
  await guardEnded(arn);
});

it('a canary ends a run before the rest is begun, and a redrive of it tries again and goes on', async () => {
  const mixed = folder(source, 'guards-canary');
  for (let index = 0; index < 12; index++) {
    await putFile(
      mixed,
      `${String(index).padStart(2, '0')}.gif`,
      file(index % 2 === 0 ? BROKEN : (TWENTY[16] as string)),
    );
  }
  const name = 'canary';
  const arn = await start({
    ...{ ...job(name), source: formatLocation(mixed), recipe: 'thumbnail' },
    ...{ toleratedFailurePercentage: 20, canary: { keys: 4 } },
  });
  expect(await ended(arn)).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
  expect(await summaryOf(arn)).toMatchObject({ status: 'stoppedByCanary', balanced: true, counts: { total: 4 } });
  expect((await keys(folder(destination, `guards/${name}`))).length).toBeLessThan(4);
  for (let index = 0; index < 12; index += 2) {
    await putFile(mixed, `${String(index).padStart(2, '0')}.gif`, file(TWENTY[16] as string));
  }
  await sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
  const execution = await ended(arn);
  expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution.output ?? '')).toMatchObject({
    counts: { total: 12, succeeded: 12, skipped: 0, failed: 0 },
  });
});

it('a redriven run is guarded anew', async () => {
  const few = folder(source, 'guards-redriven');
  await putFile(few, 'a.gif', file(TWENTY[16] as string));
  await putFile(few, 'b.jpg', file(BROKEN));
  const arn = await start({
    ...job('redriven'),
    source: formatLocation(few),
    toleratedFailurePercentage: 0,
    deadline: '1h',
  });
  expect(await ended(arn)).toMatchObject({ status: 'FAILED' });
  await guardEnded(arn);
  const before = (await guards()).length;
  await putFile(few, 'b.jpg', file('photos/jolla.jpg'));
  await sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
  expect(await ended(arn)).toMatchObject({ status: 'SUCCEEDED' });
  await eventually('the guard of the redrive', async () => {
    const all = await guards();
    return all.length === before + 1 && all.every(({ status }) => status === 'SUCCEEDED') ? true : undefined;
  });
});
