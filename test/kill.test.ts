// Runs that end badly, by kill -9 or by Ctrl-C, and are carried on: a small version of bench/kill.ts, over the real program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketsOn, directoriesIn, type KillPlace } from '../bench/harness/kill-place.ts';
import {
  firstPhotos,
  type KillGround,
  killAndResume,
  prepareKills,
  type SourceChange,
} from '../bench/harness/killing.ts';
import { IMAGE_FANOUT, runProgram } from '../bench/harness/processes.ts';
import { accountOf, outputsOf, runsOf } from '../bench/harness/run-record.ts';
import { forkS3Server, type S3Server } from './helpers/s3-server.ts';

const work = mkdtempSync(join(tmpdir(), 'image-fanout-kill-test-'));
let ground: KillGround;
let server: S3Server;

beforeAll(async () => {
  [ground, server] = await Promise.all([prepareKills(work, 60), forkS3Server(['photos', 'renditions'])]);
});
afterAll(async () => {
  await server.stop();
  rmSync(work, { recursive: true, force: true });
});

describe('kill -9', () => {
  // Shares of the time that a whole run takes, from the program's start to its account; a second one kills the continuation.
  it.each([[0.25], [0.4], [0.5], [0.6], [0.7], [0.8], [0.9], [0.55, 0.5]].map((shares) => ({ shares })))(
    'at $shares of a run loses nothing, repeats nothing and leaves nothing half-written',
    async ({ shares }) => {
      const delays = shares.map((share) => share * ground.seconds * 1000);
      const place = directoriesIn(join(work, `killed-${shares.join('-')}`), firstPhotos(ground));
      const { problems } = await killAndResume(ground, place, delays);
      expect(problems).toEqual([]);
    },
  );

  const places: Readonly<Record<string, (name: string) => Promise<KillPlace>>> = {
    'in directories': async (name) => directoriesIn(join(work, name), firstPhotos(ground)),
    'over S3': (name) => bucketsOn(server, name, join(work, name), firstPhotos(ground)),
  };
  it.each(Object.keys(places))(
    '%s, the source changing meanwhile, gives outputs of the sources that the account names',
    async (where) => {
      const place = await (places[where] as (typeof places)[string])(`changing-${where.replace(/.* /, '')}`);
      const keys = [...ground.photos[0].keys()];
      const changes = keys.flatMap((key, at): SourceChange[] =>
        at % 5 === 0 ? [{ key, to: at % 3 === 0 ? 'gone' : 1 }] : [],
      );
      const added = keys.slice(ground.keys.length).map((key): SourceChange => ({ key, to: 1 }));
      const delays = [0.55, 0.5].map((share) => share * ground.seconds * 1000);
      const { problems } = await killAndResume(ground, place, delays, [[...changes, ...added], changes.slice(0, 3)]);
      expect(problems).toEqual([]);
    },
  );
});

describe('Ctrl-C', () => {
  it('ends with 130 and a complete account, and --resume does the rest', async () => {
    const { source, destination } = directoriesIn(join(work, 'interrupted'), firstPhotos(ground));
    const args = ['run', source, destination, '--job', ground.jobFile, '--max-concurrency', '2', '--quiet'];
    const run = spawn(process.execPath, [IMAGE_FANOUT, ...args], { stdio: 'ignore' });
    const ended = once(run, 'exit');
    while (outputsOf(destination).size === 0 && run.exitCode === null) await sleep(2);
    run.kill('SIGINT');
    expect(await ended).toEqual([130, null]);

    const [folder] = runsOf(destination) as [string];
    const interrupted = accountOf(folder);
    expect(interrupted).toMatchObject({ status: 'interrupted', balanced: true, problems: [] });
    expect(interrupted.counts.total).toBe(ground.keys.length);
    expect(interrupted.counts.succeeded).toBeGreaterThan(0);
    expect(interrupted.counts.pending).toBeGreaterThan(0);
    expect(interrupted.counts.succeeded + interrupted.counts.pending).toBe(ground.keys.length);
    expect(interrupted.items.map(({ key }) => key)).toEqual(ground.keys);
    expect(outputsOf(destination).size).toBe(2 * interrupted.counts.succeeded);

    expect(await runProgram(process.execPath, [IMAGE_FANOUT, 'run', '--resume', folder, '--quiet'])).toMatchObject({
      code: 0,
    });
    expect(accountOf(folder)).toMatchObject({
      status: 'succeeded',
      balanced: true,
      counts: { succeeded: ground.keys.length, pending: 0 },
    });
    const { keys, reference } = ground;
    const expected = [...reference[0]].filter(([path]) => keys.some((key) => path.startsWith(key.slice(0, -4))));
    expect(outputsOf(destination)).toEqual(new Map(expected));
  });
});
