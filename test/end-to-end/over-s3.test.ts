// The program itself over S3: stopped by a failure, interrupted or killed, then carried on from what the bucket has on record.
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Summary, summarySchema } from '../../lambda/report/summary.ts';
import { run as runProgram, start } from '../cli/program.ts';
import { SERVERS, startServer } from '../helpers/other-servers.ts';
import type { S3Server } from '../helpers/s3-server.ts';
import { tinyImage } from './job-run.ts';

/** A slow machine has progress to tell, too. */
async function run(...argv: string[]) {
  const ended = await runProgram(...argv);
  return { ...ended, stderr: ended.stderr.replace(/^\{"event":"progress".*\n/gm, '') };
}

const COUNT = 120;
const KEYS = Array.from({ length: COUNT }, (_, index) => `${String(index).padStart(3, '0')} a+é.jpg`);
describe.each(SERVERS)('on %s', (name) => {
  let server: S3Server;
  let reference: Map<string, string>;

  beforeAll(async () => {
    server = await startServer(name, ['photos', 'renditions']);
    Object.assign(process.env, server.env);
    for (const [index, key] of KEYS.entries()) await put(`in/${key}`, await tinyImage('jpeg', index, 600));
    const whole = await run('run', 's3://photos/in/', 's3://renditions/whole/', ...THUMBNAIL, '--json');
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    expect(summaryOf(whole.stdout).counts).toMatchObject({ total: COUNT, succeeded: COUNT });
    reference = await outputsBelow('whole/');
  });
  afterAll(() => server.stop());

  const THUMBNAIL = ['--recipe', 'thumbnail'];
  const summaryOf = (json: string): Summary => summarySchema.parse(JSON.parse(json));

  async function put(key: string, body: Buffer | string): Promise<void> {
    await server.client.send(new PutObjectCommand({ Bucket: 'photos', Key: key, Body: body }));
  }

  async function keysBelow(prefix: string): Promise<Map<string, string>> {
    const { Contents = [] } = await server.client.send(
      new ListObjectsV2Command({ Bucket: 'renditions', Prefix: prefix }),
    );
    return new Map(Contents.map(({ Key = '', ETag = '' }) => [Key, ETag]));
  }

  /** Names below the prefix and ETags, which are MD5s here. */
  async function outputsBelow(prefix: string): Promise<Map<string, string>> {
    const all = [...(await keysBelow(prefix))].map(([key, etag]) => [key.slice(prefix.length), etag] as const);
    return new Map(all.filter(([key]) => !key.startsWith('.image-fanout/')));
  }

  async function runFolder(destination: string): Promise<string> {
    const job = [...(await keysBelow(`${destination}.image-fanout/runs/`)).keys()].find((key) =>
      key.endsWith('/job.json'),
    );
    return `s3://renditions/${job?.slice(0, -'job.json'.length)}`;
  }

  async function firstOutput(destination: string): Promise<void> {
    while ((await outputsBelow(destination)).size === 0) await sleep(10);
  }

  describe.concurrent('a run over S3', () => {
    test('that a failure stopped is carried on where the bucket has it on record', async () => {
      for (const [index, key] of KEYS.slice(0, 20).entries()) {
        await put(`broken/${key}`, index === 10 ? 'no image' : await tinyImage('jpeg', index, 600));
      }
      const words = ['run', 's3://photos/broken/', 's3://renditions/broken/', ...THUMBNAIL];
      const stopped = await run(...words, '--max-concurrency', '2', '--json');
      expect(stopped.code).toBe(2);
      expect(stopped.stderr).toMatch(/"event":"failed".*"key":"broken\/010 a\+é\.jpg","error":"NotAnImage"/);
      const { counts, report, check } = summaryOf(stopped.stdout);
      expect(check.balanced).toBe(true);
      expect(counts).toMatchObject({ total: 20, failed: 1 });
      const account = await server.client.send(
        new GetObjectCommand({ Bucket: 'renditions', Key: `${report.slice('s3://renditions/'.length)}items.jsonl` }),
      );
      const rows = (await text(account.Body as never)).split('\n').slice(0, -1);
      expect(rows.map((line) => (JSON.parse(line) as { key: string }).key)).toEqual(
        KEYS.slice(0, 20).map((key) => `broken/${key}`),
      );
      await put(`broken/${KEYS[10]}`, await tinyImage('jpeg', 10, 600));
      const resumed = await run('run', '--resume', report, '--json');
      expect(resumed).toMatchObject({ code: 0, stderr: '' });
      const { attempts, counts: all } = summaryOf(resumed.stdout);
      expect(all).toMatchObject({ total: 20, succeeded: 20 });
      expect(attempts.map(({ records }) => records)).toEqual([20, 20 - counts.succeeded]);
    });

    test('that is interrupted has a complete account in the bucket, and is carried on', async () => {
      const running = start(
        'run',
        's3://photos/in/',
        's3://renditions/drained/',
        ...THUMBNAIL,
        '--max-concurrency',
        '2',
        '--json',
      );
      await firstOutput('drained/');
      running.kill('SIGINT');
      const { code, stdout } = await running.ended;
      expect(code).toBe(130);
      const { counts, check, report } = summaryOf(stdout);
      expect(check).toEqual({ listed: COUNT, balanced: true, problems: [] });
      expect(counts.succeeded + counts.pending).toBe(COUNT);
      expect((await outputsBelow('drained/')).size).toBe(counts.succeeded);
      expect(await run('run', '--resume', report, '--quiet')).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(await outputsBelow('drained/')).toEqual(reference);
    });

    test('that is killed with kill -9 is carried on, and its account has every key', async () => {
      const running = start(
        'run',
        's3://photos/in/',
        's3://renditions/killed/',
        ...THUMBNAIL,
        '--max-concurrency',
        '2',
      );
      await firstOutput('killed/');
      running.kill('SIGKILL');
      await running.ended;
      const there = await outputsBelow('killed/');
      expect(there.size).toBeLessThan(COUNT);
      for (const [key, etag] of there) expect(etag).toBe(reference.get(key));
      const resumed = await run('run', '--resume', await runFolder('killed/'), '--json');
      expect(resumed).toMatchObject({ code: 0, stderr: '' });
      const { counts, check } = summaryOf(resumed.stdout);
      expect(check.balanced).toBe(true);
      expect(counts).toMatchObject({ total: COUNT, succeeded: COUNT });
      expect(await outputsBelow('killed/')).toEqual(reference);
    });
  });
});
