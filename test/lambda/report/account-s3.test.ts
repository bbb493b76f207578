// The account where Step Functions leaves its result files: in a bucket, over HTTP.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { writeAccount } from '../../../lambda/report/account.ts';
import { readJob } from '../../../lambda/report/run-folder.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';
import { reportCommand } from '../../../lib/cli/report.ts';
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts';
import { childRecord, failed, MAP_RUN, succeeded, testRun } from './run-folders.ts';

const folder = { bucket: 'results', prefix: 'runs/nightly/' };
let server: S3Server;
let stores: Stores;

beforeAll(async () => {
  server = await startS3Server(['results']);
  // The environment is all that the program knows of a server, as with any AWS SDK.
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  stores = openStores();
});

afterAll(async () => {
  await stores.close();
  await server.stop();
  vi.unstubAllEnvs();
});

it('is written next to the result files, and read from there', async () => {
  const store = stores.open('results');
  const put = (name: string, text: string) => store.write(folder.prefix + name, Buffer.from(text));
  const job = { ...testRun().job, run: 'nightly', results: folder };
  await put('job.json', JSON.stringify(job));
  await put(`${MAP_RUN}/SUCCEEDED_0.jsonl`, `${JSON.stringify(childRecord([succeeded(1, 'b.jpg')], 1).record)}\n`);
  await put(`${MAP_RUN}/FAILED_0.jsonl`, `${JSON.stringify(childRecord([failed(0, 'a.jpg')], 2).record)}\n`);
  const named = (kind: string) => [{ Key: `${folder.prefix}${MAP_RUN}/${kind}_0.jsonl`, Size: 1 }];
  await put(
    `${MAP_RUN}/manifest.json`,
    JSON.stringify({
      DestinationBucket: 'results',
      ResultFiles: { SUCCEEDED: named('SUCCEEDED'), FAILED: named('FAILED'), PENDING: [] },
    }),
  );

  const summary = await writeAccount({ store, folder, job: await readJob(store, folder), listed: 2 });
  expect(summary).toMatchObject({
    status: 'stoppedByFailures',
    check: { balanced: true },
    report: 's3://results/runs/nightly/',
  });
  const items = (await store.read(`${folder.prefix}items.jsonl`)).body.toString();
  expect(
    items
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).key),
  ).toEqual(['a.jpg', 'b.jpg']);

  let text = '';
  const io = { stdout: { write: (more: string) => (text += more) }, env: {} };
  expect(await reportCommand('nightly', { in: 's3://results/' }, io)).toBe(2);
  expect(text).toMatch(/^First failure: a\.jpg\n/);
  expect(text).toContain('  npx image-fanout redrive nightly\n');
});
