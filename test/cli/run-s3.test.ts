// `run` between buckets of a real S3 server: the same exit codes and the same account as between directories.
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { summarySchema } from '../../lambda/report/summary.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { startIn } from './program.ts';

let s3: S3Server;

beforeAll(async () => {
  s3 = await startS3Server();
  await s3.createBucket('photos');
  await s3.createBucket('renditions');
  const image = sharp({ create: { width: 600, height: 400, channels: 3, background: 'teal' } });
  const Body = await image.jpeg().toBuffer();
  for (const Key of ['in/a.jpg', 'in/b c+d.jpg', 'in/ü/写真.jpg', 'elsewhere/e.jpg']) {
    await s3.client.send(new PutObjectCommand({ Bucket: 'photos', Key, Body }));
  }
});
afterAll(() => s3.stop());

function run(...argv: string[]) {
  return startIn(s3.env, 'run', ...argv).ended;
}

async function keysIn(bucket: string): Promise<string[]> {
  const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key = '' }) => Key);
}

test('processes a prefix into another bucket, with the account below the destination', async () => {
  const { code, stdout, stderr } = await run(
    's3://photos/in/',
    's3://renditions/out',
    '--recipe',
    'thumbnail',
    '--json',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const summary = summarySchema.parse(JSON.parse(stdout));
  expect(summary.report).toBe(`s3://renditions/out/.image-fanout/runs/${summary.run}/`);
  expect(summary.counts).toEqual({ total: 3, succeeded: 3, skipped: 0, failed: 0, pending: 0 });
  const keys = await keysIn('renditions');
  const outputs = ['out/a-thumbnail.webp', 'out/b c+d-thumbnail.webp', 'out/ü/写真-thumbnail.webp'];
  expect(keys.filter((key) => !key.includes('/.image-fanout/'))).toEqual(outputs);
  const { Body } = await s3.client.send(
    new GetObjectCommand({ Bucket: 'renditions', Key: `out/.image-fanout/runs/${summary.run}/summary.json` }),
  );
  expect(JSON.parse((await Body?.transformToString()) ?? '')).toEqual(summary);
});

test('continues a run by its folder, and by its id', async () => {
  const stopped = await run(
    's3://photos/in/',
    's3://renditions/left/',
    '--recipe',
    'thumbnail',
    '--limits',
    'bytes=1',
    '--json',
  );
  expect(stopped.code).toBe(2);
  const { report, run: id } = summarySchema.parse(JSON.parse(stopped.stdout));
  const byFolder = await run('--resume', report, '--quiet');
  expect(byFolder).toMatchObject({ code: 2, stderr: expect.stringContaining('TooManyBytes') });
  const byId = await run('--resume', id, 's3://photos/in/', 's3://renditions/left/', '--json');
  expect(summarySchema.parse(JSON.parse(byId.stdout)).attempts).toHaveLength(3);
});

test.each([
  [
    'a destination in its source',
    ['s3://photos/in/', 's3://photos/in/out/'],
    /destination: expected a place outside the source/,
  ],
  ['a bucket that is not there', ['s3://nowhere-at-all/in/', 's3://renditions/x/'], /source: BucketNotFound: /],
  [
    'a prefix without objects',
    ['s3://photos/nothing/', 's3://renditions/x/'],
    /expected at least one object below s3:\/\/photos\/nothing\//,
  ],
])('starts nothing for %s: exit 1', async (_, places, message) => {
  const { code, stdout, stderr } = await run(...places);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test('looks at S3 without writing anything', async () => {
  const before = await keysIn('renditions');
  const { code, stdout } = await run('s3://photos/in/', 's3://renditions/out/', '--recipe', 'thumbnail', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('3 would be skipped: 3 up to date');
  expect(await keysIn('renditions')).toEqual(before);
});
