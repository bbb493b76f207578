// A server that ignores conditional writes loses outputs in silence: a run on it is refused before anything is written there.
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPrepare } from '../../../lambda/prepare/prepare.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';
import { runJob, TINY, tinyImage } from '../../end-to-end/job-run.ts';
import { type HeedlessProxy, startHeedlessProxy } from '../../helpers/heedless-proxy.ts';
import { SERVERS, startServer } from '../../helpers/other-servers.ts';
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts';

describe('Prepare', () => {
  let server: S3Server;
  let proxy: HeedlessProxy;
  let stores: Stores;
  beforeEach(async () => {
    server = await startS3Server(['photos', 'renditions']);
  });
  afterEach(async () => {
    await stores.close();
    await proxy.stop();
    await server.stop();
  });

  async function prepared(drops: readonly string[], job: object = {}) {
    proxy = await startHeedlessProxy(server.endpoint, drops);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const { endpoint } = proxy;
    const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true, maxAttempts: 1 });
    stores = openStores({ s3: { client } });
    await stores.open('photos').write('in/a.jpg', Buffer.from('x'));
    const prepare = createPrepare({ open: stores.open, engine: 'embedded', defaults: { maxConcurrency: 2 } });
    const input = { source: 's3://photos/in/', destination: 's3://renditions/out/', ...job };
    return prepare({ input, execution: { name: 'run-1', startTime: '' } });
  }
  const keys = async () => {
    const found: string[] = [];
    for await (const page of stores.open('renditions').list('')) found.push(...page.map(({ key }) => key));
    return found;
  };

  test('takes a server that keeps them', async () => {
    await expect(prepared([])).resolves.toMatchObject({ run: { bucket: 'renditions' } });
    expect(await keys()).toContain('out/.image-fanout/runs/run-1/job.json');
  });

  test.each([
    [['if-none-match'], /ignores If-None-Match and overwrites/],
    [['if-match'], /ignores If-Match and/],
  ] as const)('refuses one that ignores %j, and makes no run of it', async (drops, message) => {
    await expect(prepared(drops)).rejects.toThrow(message);
    expect(await keys()).not.toContain('out/.image-fanout/runs/run-1/job.json');
  });

  test('runs on it all the same when told to', async () => {
    await expect(prepared(['if-none-match', 'if-match'], { unsafeOverwrites: true })).resolves.toMatchObject({});
  });

  test('finds it out where the results go to a directory, too', async () => {
    await expect(prepared(['if-none-match'], { results: '/tmp/image-fanout-nowhere' })).rejects.toThrow(
      /If-None-Match/,
    );
  });
});

describe.each(SERVERS)('on %s', (name) => {
  /** As if the server ignored these headers: they are taken away before a request is signed. */
  function heedless(server: S3Server, drops: readonly string[]): Stores {
    const { endpoint, env } = server;
    const credentials = {
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
    };
    const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true, maxAttempts: 1 });
    client.middlewareStack.add(
      (next) => async (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        for (const header of drops) delete headers[header];
        return await next(args);
      },
      { step: 'build', priority: 'low' },
    );
    return openStores({ s3: { client } });
  }

  test.each([
    { drops: [] },
    { drops: ['if-none-match'], refused: /ignores If-None-Match and overwrites/ },
    { drops: ['if-match'], refused: /ignores If-Match and/ },
  ])(
    'a run where $drops are ignored is refused, or told to run all the same does everything',
    async ({ drops, refused }) => {
      const server = await startServer(name, ['photos', 'renditions']);
      const stores = heedless(server, drops);
      try {
        for (const key of ['in/a.jpg', 'in/b.jpg']) await stores.open('photos').write(key, await tinyImage());
        const where = {
          source: { bucket: 'photos', prefix: 'in/' },
          destination: { bucket: 'renditions', prefix: 'out/' },
          open: stores.open,
        };
        const job = { recipe: TINY };
        if (refused !== undefined) {
          await expect(runJob(where, job, { engine: 'embedded' })).rejects.toThrow(refused);
          expect(await stores.open('renditions').head('out/a.jpg.jpeg')).toBeUndefined();
        }
        const { summary, code } = await runJob(
          where,
          { ...job, unsafeOverwrites: drops.length > 0 },
          { engine: 'embedded' },
        );
        expect({ code, counts: summary.counts }).toMatchObject({ code: 0, counts: { total: 2, succeeded: 2 } });
      } finally {
        await stores.close();
        await server.stop();
      }
    },
  );
});
