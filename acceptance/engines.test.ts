// One job on both engines: Step Functions runs the deployed definition and bundles, the command line the same here.
import { RedriveExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatLocation, type Location } from '../lambda/contract/location.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import { runHere } from './local-run.ts';
import { account, records } from './records.ts';
import {
  destination,
  empty,
  ended,
  folder,
  get,
  keys,
  putFile,
  reported,
  runFolder,
  sfn,
  source,
  start,
} from './stack.ts';

/** Every object of a place with its bytes. */
async function objects(place: Location): Promise<Map<string, string>> {
  const found = await keys(place);
  return new Map(
    await Promise.all(found.map(async (key) => [key, (await get(place.bucket, key)).toString('base64')] as const)),
  );
}

describe('twenty images', () => {
  const from = folder(source, 'twenty');
  const to = folder(destination, 'twenty');
  const job = { source: formatLocation(from), destination: formatLocation(to), recipe: 'thumbnail', maxConcurrency: 4 };
  const options = ['--recipe', 'thumbnail'];
  beforeAll(async () => {
    for (const image of TWENTY) await putFile(from, image, file(image));
  });

  it('come out the same, byte for byte and record for record', async () => {
    const arn = await start(job);
    const execution = await ended(arn);
    expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({
      status: 'succeeded',
      counts: { total: 20, succeeded: 20, skipped: 0, failed: 0, pending: 0 },
      balanced: true,
    });
    const there = await objects(to);
    expect(there.size).toBe(20);
    await empty(to);

    const local = await runHere(from, to, ...options);
    expect(local.code).toBe(0);
    const here = await objects(to);
    expect([...here.keys()]).toEqual([...there.keys()]);
    for (const [key, bytes] of here) expect(bytes === there.get(key), `${key} is the same`).toBe(true);
    expect(await records(runFolder(arn))).toEqual(await records(local.folder));
    expect(await account(runFolder(arn))).toEqual(await account(local.folder));
  });

  it('are up to date the second time, whichever engine made them', async () => {
    const execution = await ended(await start(job));
    expect(JSON.parse(execution.output ?? '')).toMatchObject({ counts: { total: 20, succeeded: 0, skipped: 20 } });
  });
});

describe('a broken image among them', () => {
  const from = folder(source, 'broken');
  const to = folder(destination, 'broken');
  // One at a time: so which keys were done before the failure is no matter of luck.
  const job = { source: formatLocation(from), destination: formatLocation(to), recipe: 'thumbnail', maxConcurrency: 1 };
  const options = ['--recipe', 'thumbnail', '--max-concurrency', '1'];
  const name = 'm-broken.jpg';
  let arn: string;
  beforeAll(async () => {
    for (const [index, image] of TWENTY.slice(0, 6).entries())
      await putFile(from, `${'abcnop'[index]}.jpg`, file(image));
    await putFile(from, name, file(BROKEN));
  });

  it('stops the run, with the same account', async () => {
    arn = await start(job);
    const execution = await ended(arn);
    expect(execution).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    await reported(runFolder(arn));
    const there = await objects(to);
    await empty(to);
    const local = await runHere(from, to, ...options);
    expect(local.code).toBe(2);
    expect(await objects(to)).toEqual(there);
    expect(await records(runFolder(arn))).toEqual(await records(local.folder));
    expect(await account(runFolder(arn))).toEqual(await account(local.folder));
  });

  it('replaced and redriven, is done with all that was left, and nothing twice', async () => {
    const before = await records(runFolder(arn));
    const done = before.filter(({ file }) => file.startsWith('SUCCEEDED')).map(({ index }) => index);
    await putFile(from, name, file(TWENTY[7] as string));
    const since = Date.now();
    await sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
    const execution = await ended(arn);
    expect(execution, execution.cause).toMatchObject({ status: 'SUCCEEDED' });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({
      counts: { total: 7, failed: 0, pending: 0 },
      balanced: true,
    });
    await reported(runFolder(arn), since);
    const redriven = (await records(runFolder(arn))).filter(({ file }) => file.startsWith('Redrive-1/SUCCEEDED'));
    expect(redriven.map(({ index }) => index).filter((index) => !done.includes(index))).toHaveLength(7 - done.length);
    expect(await keys(to)).toHaveLength(7);
  });
});
