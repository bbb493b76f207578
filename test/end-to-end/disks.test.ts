// Disks that fail under a run: full, read-only, gone. Each ends in its class, with an account, and can be carried on.
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Summary, summarySchema } from '../../lambda/report/summary.ts';
import { outputsIn, PROGRAM, run, start, startIn, type Workplace, workplace } from '../cli/program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

/** Mounts in a namespace of their own need no rights outside it, and are gone with its last process. */
const NAMESPACE = ['--map-root-user', '--mount'];
const canMount = ((): boolean => {
  try {
    execFileSync('unshare', [...NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('Tests of full and read-only disks are skipped: this user may not mount (unshare --map-root-user)');
    return false;
  }
})();
const skipMounts = !canMount && process.env['CI'] === undefined;

interface Scripted {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell script in which `fan` is the program, and DST a new folder for a disk. */
async function script(name: string, lines: readonly string[]): Promise<Scripted> {
  const destination = await place.folder(name);
  const env = { ...process.env, NODE: process.execPath, PROGRAM, DST: destination };
  const text = ['fan() { "$NODE" "$PROGRAM" "$@"; }', ...lines].join('\n');
  return await new Promise((done) =>
    execFile('unshare', [...NAMESPACE, 'bash', '-c', text], { env }, (error, stdout, stderr) =>
      done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    ),
  );
}

const summaryOf = (json: string): Summary => summarySchema.parse(JSON.parse(json));

const THUMBNAIL = '--recipe thumbnail';

describe('a full disk', () => {
  test.skipIf(skipMounts)(
    'is DestinationFull: exit 2, no half-written file, and resume goes on when there is room',
    async () => {
      const source = await place.images('full-source', 40);
      const copy = await place.folder('full-copy');
      const results = await place.folder('full-results');
      const { stdout, stderr } = await script('full', [
        'mount -t tmpfs -o size=600k tmpfs "$DST"',
        `fan run ${source} "$DST" ${THUMBNAIL} --results ${results} --json > ${copy}/first.json; echo "first $?"`,
        `mkdir ${copy}/first && cp -r "$DST"/. ${copy}/first`,
        'mount -o remount,size=64m "$DST"',
        `fan run --resume ${results}/runs/* --json > ${copy}/second.json; echo "second $?"`,
        `mkdir ${copy}/second && cp -r "$DST"/. ${copy}/second`,
      ]);
      expect(stdout).toBe('first 2\nsecond 0\n');
      expect(stderr).toMatch(/"event":"failed".*"error":"DestinationFull".*the disk is full/);
      const first = summaryOf(await readFile(join(copy, 'first.json'), 'utf8'));
      expect(first.errors.map(({ name }) => name)).toEqual(['DestinationFull']);
      expect(first.counts.succeeded).toBeGreaterThan(0);
      expect(first.counts.pending).toBeGreaterThan(0);
      expect(first.check.balanced).toBe(true);
      const outputs = await outputsIn(join(copy, 'first'));
      expect(outputs).toHaveLength(first.counts.succeeded);
      for (const output of outputs) expect((await sharp(join(copy, 'first', output)).stats()).isOpaque).toBe(true);
      expect(await readdir(join(copy, 'first/.image-fanout/tmp'))).toEqual([]);
      const second = summaryOf(await readFile(join(copy, 'second.json'), 'utf8'));
      expect(second.counts).toMatchObject({ total: 40, succeeded: 40 });
      expect(await outputsIn(join(copy, 'second'))).toHaveLength(40);
    },
  );

  test.skipIf(skipMounts)('that holds the account too: exit 2 and the reason, and resume has it all', async () => {
    const source = await place.images('both-source', 40);
    const copy = await place.folder('both-copy');
    const { stdout, stderr } = await script('both', [
      'mount -t tmpfs -o size=600k tmpfs "$DST"',
      `fan run ${source} "$DST" ${THUMBNAIL} --quiet; echo "first $?"`,
      'mount -o remount,size=64m "$DST"',
      `fan run --resume "$DST"/.image-fanout/runs/* --json > ${copy}/second.json; echo "second $?"`,
    ]);
    expect(stdout).toBe('first 2\nsecond 0\n');
    expect(stderr).toMatch(/the account could not be written: DestinationFull: .*the disk is full/);
    expect(stderr).toMatch(/run --resume .*both\/\.image-fanout\/runs\//);
    const { counts, check } = summaryOf(await readFile(join(copy, 'second.json'), 'utf8'));
    expect(counts).toMatchObject({ total: 40, succeeded: 40 });
    expect(check.balanced).toBe(true);
  });
});

describe('a read-only destination', () => {
  test.skipIf(skipMounts)('starts nothing, or costs every key where only the outputs go there', async () => {
    const source = await place.images('readonly-source', 8);
    const copy = await place.folder('readonly-copy');
    const results = await place.folder('readonly-results');
    const { stdout, stderr } = await script('readonly', [
      'mount -t tmpfs tmpfs "$DST" && mount -o remount,ro "$DST"',
      `fan run ${source} "$DST" ${THUMBNAIL}; echo "same $?"`,
      `fan run ${source} "$DST" ${THUMBNAIL} --results ${results} --tolerated-failure-percentage 100 --json > ${copy}/second.json; echo "apart $?"`,
    ]);
    expect(stdout).toBe('same 1\napart 3\n');
    expect(stderr).toMatch(/^image-fanout run: AccessDenied: .*is on a read-only file system/);
    const { errors } = summaryOf(await readFile(join(copy, 'second.json'), 'utf8'));
    expect(errors).toMatchObject([{ name: 'AccessDenied', count: 8 }]);
  });
});

describe('a source directory that vanishes', () => {
  test('is BucketNotFound: exit 2 with a complete account, and resume goes on when it is back', async () => {
    const source = await place.images('vanishing', 120);
    const destination = await place.folder('vanishing-out');
    const running = start('run', source, destination, ...THUMBNAIL.split(' '), '--max-concurrency', '2', '--json');
    while ((await outputsIn(destination)).length === 0) await sleep(5);
    await rename(source, `${source}-away`);
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /"event":"failed".*"error":"BucketNotFound","message":"The directory .*vanishing does not exist/,
    );
    const { counts, check, run: id } = summaryOf(stdout);
    expect(check).toEqual({ listed: 120, balanced: true, problems: [] });
    expect(counts.pending).toBeGreaterThan(0);
    await rename(`${source}-away`, source);
    const resumed = await run('run', '--resume', id, source, destination, '--json');
    expect(resumed.code).toBe(0);
    expect(summaryOf(resumed.stdout).counts).toMatchObject({ total: 120, succeeded: 120 });
  });

  test('before it is listed starts nothing', async () => {
    const source = await place.folder('missing');
    await mkdir(join(source, 'x'));
    const { code, stderr } = await run('run', join(source, 'y'), `${source}-out`);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('there is none at') });
  });
});

test.skipIf(skipMounts)(
  'a folder that is to be made on a read-only disk is that, not one that is gone: exit 1',
  async () => {
    const source = await place.images('read-only-root-source', 1);
    const { stderr, stdout } = await script('read-only-root', [
      'mount -t tmpfs -o ro tmpfs "$DST"',
      `fan run ${source} "$DST/a/b" ${THUMBNAIL}; echo "exit $?"`,
    ]);
    expect(stderr).toMatch(/AccessDenied: The directory .*\/a\/b cannot be made: the file system is read-only\./);
    expect(stdout).toContain('exit 1');
  },
);

test('an output that was changed by hand is that, and is not overwritten: exit 2', async () => {
  const source = await place.images('changed', 1);
  expect((await run('run', source, `${source}-out`, '--recipe', 'thumbnail', '--quiet')).code).toBe(0);
  await writeFile(join(`${source}-out`, '0000-thumbnail.webp'), 'my own words');
  const { code, stderr } = await run('run', source, `${source}-out`, '--recipe', 'thumbnail');
  expect(code).toBe(2);
  expect(stderr).toContain('OutputExists: 0000-thumbnail.webp has changed since image-fanout made it');
  expect(await readFile(join(`${source}-out`, '0000-thumbnail.webp'), 'utf8')).toBe('my own words');
});

test('a Region that is not set is that, and no missing bucket: exit 1', async () => {
  const env = { AWS_REGION: '', AWS_DEFAULT_REGION: '', AWS_CONFIG_FILE: '/dev/null', AWS_ENDPOINT_URL_S3: '' };
  const keys = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
  const { code, stderr } = await startIn(
    { ...env, ...keys },
    'run',
    's3://photos-of-nobody/',
    's3://and-their-outputs/',
  ).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/RegionMissing: .*set AWS_REGION/);
});
