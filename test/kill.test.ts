// Runs that end badly, by kill -9 or by Ctrl-C, and are carried on: a small version of bench/kill.ts, over the real program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KillGround, killAndResume, prepareKills } from '../bench/harness/killing.ts';
import { IMAGE_FANOUT, runProgram } from '../bench/harness/processes.ts';
import { accountOf, outputsOf, runsOf } from '../bench/harness/run-record.ts';

const work = mkdtempSync(join(tmpdir(), 'image-fanout-kill-test-'));
let ground: KillGround;

beforeAll(async () => {
  ground = await prepareKills(work, 60);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('kill -9', () => {
  // Shares of the time that a whole run takes, from the program's start to its account; a second one kills the continuation.
  it.each([[0.25], [0.4], [0.5], [0.6], [0.7], [0.8], [0.9], [0.55, 0.5]].map((shares) => ({ shares })))(
    'at $shares of a run loses nothing, repeats nothing and leaves nothing half-written',
    async ({ shares }) => {
      const delays = shares.map((share) => share * ground.seconds * 1000);
      const { problems } = await killAndResume(ground, join(work, `killed-${shares.join('-')}`), delays);
      expect(problems).toEqual([]);
    },
  );
});

describe('Ctrl-C', () => {
  it('ends with 130 and a complete account, and --resume does the rest', async () => {
    const destination = join(work, 'interrupted');
    const args = ['run', '--job', ground.jobFile, '--destination', destination, '--max-concurrency', '2', '--quiet'];
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
    expect(outputsOf(destination)).toEqual(ground.reference);
  });
});
