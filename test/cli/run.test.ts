// `run`, the real program on real files: exit codes, streams, Ctrl-C, deadlines, resume.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Summary, summarySchema } from '../../lambda/report/summary.ts';
import { outputsIn, PROGRAM, run, start, startIn, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

/** A folder with three images and a text that calls itself one. */
async function withBroken(name: string): Promise<string> {
  const source = await place.images(name, 3);
  await writeFile(join(source, '0001-broken.jpg'), 'this is no image');
  return source;
}

function summaryOf(stdout: string): Summary {
  return summarySchema.parse(JSON.parse(stdout));
}

const THUMBNAIL = ['--recipe', 'thumbnail'];

describe.concurrent('a run', () => {
  test('processes every image, and skips them all when run again: exit 0', async () => {
    const source = await place.images('all', 5);
    const destination = await place.folder('all-out');
    const first = await run('run', source, destination, ...THUMBNAIL);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(
      /^Done: 5 keys in .*\n {2}5 succeeded\n {2}0 skipped\n {2}0 failed\n {2}0 pending\nAccount: .*\.image-fanout\/runs\/.*\/\nPage: {4}.*\/report\.html\n$/,
    );
    expect(await outputsIn(destination)).toEqual([0, 1, 2, 3, 4].map((index) => `000${index}-thumbnail.webp`));
    const again = await run('run', source, destination, ...THUMBNAIL, '--json');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(summaryOf(again.stdout)).toMatchObject({
      counts: { total: 5, skipped: 5 },
      skipped: { upToDate: 5 },
      check: { balanced: true },
    });
  });

  test('stops at the first failure and names it at once: exit 2, and resume finishes after the repair', async () => {
    const source = await withBroken('broken');
    const destination = await place.folder('broken-out');
    const stopped = await run('run', source, destination, ...THUMBNAIL, '--max-concurrency', '1');
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(
      /^Failed: 0001-broken\.jpg: NotAnImage: .*\nThe run stops: 0001-broken\.jpg is failure 1, and 0 are tolerated\. /,
    );
    expect(stopped.stdout).toMatch(/^Stopped by failures: 2 of 4 keys in /);
    expect(stopped.stdout).toMatch(/1 succeeded\n.*0 skipped\n.*1 failed: 1 NotAnImage\n.*2 pending/);
    const resume = /^What is left: npx image-fanout (run --resume .*)$/m.exec(stopped.stdout)?.[1] ?? '';
    await copyFile(join(source, '0000.jpg'), join(source, '0001-broken.jpg'));
    await copyFile(join(source, '0001.jpg'), join(source, 'a new one.jpg'));
    await rm(join(source, '0000.jpg'));
    const resumed = await run(...resume.split(' '), '--json');
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain('Since this run listed its source, 1 key came and 1 went');
    const { counts, attempts } = summaryOf(resumed.stdout);
    expect(counts).toEqual({ total: 4, succeeded: 4, skipped: 0, failed: 0, pending: 0 });
    expect(attempts.map(({ records }) => records)).toEqual([4, 3]);
    expect(await outputsIn(destination)).toHaveLength(4);
  });

  test('finishes with tolerated failures: exit 3, and retry-failed does those alone', async () => {
    const source = await withBroken('tolerated');
    const destination = await place.folder('tolerated-out');
    const { code, stdout, stderr } = await run(
      'run',
      source,
      destination,
      ...THUMBNAIL,
      '--tolerated-failure-count',
      '1',
      '--json',
    );
    expect(code).toBe(3);
    const [line = '', ...others] = stderr.trimEnd().split('\n');
    expect(others).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({ event: 'failed', index: 1, key: '0001-broken.jpg', error: 'NotAnImage' });
    const { run: id, counts, status, executionStatus } = summaryOf(stdout);
    expect(counts).toMatchObject({ succeeded: 3, failed: 1, pending: 0 });
    expect({ status, executionStatus }).toEqual({ status: 'succeededWithFailures', executionStatus: 'SUCCEEDED' });
    const retry = ['run', '--retry-failed', id, source, destination];
    const retried = await run(...retry, '--tolerated-failure-count', '0', '--quiet');
    expect(retried).toMatchObject({ code: 2, stdout: '' });
    expect(retried.stderr).toMatch(/^Failed: 0001-broken\.jpg: NotAnImage: /);
    await copyFile(join(source, '0000.jpg'), join(source, '0001-broken.jpg'));
    const repaired = await run('run', '--retry-failed', 'latest', source, destination, '--json');
    expect(repaired).toMatchObject({ code: 0, stderr: '' });
    expect(summaryOf(repaired.stdout).attempts.map(({ records }) => records)).toEqual([4, 1, 1]);
  });

  test('names every failure in one line as it happens, up to a number; with --json all of them', async () => {
    const source = await place.folder('failures');
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => writeFile(join(source, `${String(index).padStart(2, '0')}.jpg`), 'no')),
    );
    const argv = ['run', source, `${source}-out`, ...THUMBNAIL, '--tolerated-failure-count', '24'] as const;
    const named = await run(...argv, '--quiet', '--max-concurrency', '1');
    expect(named.code).toBe(2);
    const lines = named.stderr.trimEnd().split('\n');
    expect(lines.slice(0, 20).every((line) => /^Failed: \d\d\.jpg: NotAnImage: /.test(line))).toBe(true);
    expect(lines.slice(20)).toEqual([
      'The run stops: 24.jpg is failure 25, and 24 are tolerated. Finishing what has begun, starting nothing new.',
      '5 more failed; the account names them all.',
    ]);
    const events = (await run(...argv, '--json', '--max-concurrency', '1')).stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; key: string });
    expect(events.map(({ event }) => event)).toEqual([...Array(25).fill('failed'), 'thresholdExceeded']);
    expect(events.at(-1)).toMatchObject({ key: '24.jpg', failed: 25, tolerated: '24 are tolerated' });
  });

  test('tells when dry what would become of keys that are named, twice, not there or empty, as the run does', async () => {
    const source = await place.images('dry-named', 1);
    await writeFile(join(source, 'empty.jpg'), '');
    const keys = ['0000.jpg', '0000.jpg', 'gone.jpg', 'empty.jpg'].flatMap((key) => ['--keys', key]);
    const argv = ['run', source, `${source}-out`, ...THUMBNAIL, ...keys, '--json'] as const;
    const lines = (await run(...argv, '--dry-run')).stdout.trimEnd().split('\n');
    const dry = lines.map((line) => JSON.parse(line));
    expect(dry.at(-1).counts).toEqual({ total: 4, process: 2, skip: 0, fail: 2 });
    const told = dry
      .filter(({ action }) => action === 'fail')
      .map(({ key, error }: { key: string; error: string }) => `${key} ${error}`);
    const { counts, errors } = summaryOf((await run(...argv, '--tolerated-failure-count', '9')).stdout);
    expect(counts).toMatchObject({ total: 4, failed: 2, pending: 0 });
    const met = errors.flatMap(({ name, examples }) => examples.map(({ key }) => `${key} ${name}`));
    expect(told.sort()).toEqual(met.sort());
  });

  test('a run is found in the same ways by report, --resume and --retry-failed', async () => {
    const source = await withBroken('found');
    const destination = `${source}-out`;
    expect((await run('run', source, destination, ...THUMBNAIL, '--quiet')).code).toBe(2);
    const [id = ''] = await readdir(join(destination, '.image-fanout/runs'));
    const folder = join(destination, '.image-fanout/runs', id);
    for (const ways of [
      [folder],
      [`${folder}/`],
      [destination],
      ['latest', source, destination],
      [id, source, destination],
    ]) {
      const [name = '', ...places] = ways;
      for (const option of ['--resume', '--retry-failed']) {
        const { code, stderr } = await run('run', option, name, ...places, '--quiet');
        expect(code, `${option} ${ways.join(' ')}: ${stderr}`).toBe(2);
      }
      const shown = await run('report', name, ...(places.length === 0 ? [] : ['--in', destination]));
      expect(shown.stdout).toContain(`Run ${id}: `);
    }
  }, 180_000);

  test('writes nothing when dry, and tells of outputs that would meet', async () => {
    const source = await place.images('dry', 3);
    const recipe = join(await place.folder('dry-recipe'), 'recipe.json');
    await writeFile(recipe, JSON.stringify({ format: 'webp', outputs: [{ name: 'one', key: '{dir}all.webp' }] }));
    await writeFile(join(source, 'notes.txt'), 'not included');
    const destination = join(source, '../dry-out');
    const { code, stdout } = await run('run', source, destination, '--recipe', recipe, '--dry-run');
    expect(code).toBe(2);
    expect(stdout).toContain('1 would be processed: 1 new\n    0000.jpg → all.webp\n');
    expect(stdout).toContain('1 would be skipped: 1 not included');
    expect(stdout).toMatch(/2 would fail\n {4}0001\.jpg\n {6}OutputCollision: all\.webp .*0000\.jpg/);
    expect(existsSync(destination)).toBe(false);
    const fine = await run('run', source, destination, ...THUMBNAIL, '--dry-run', '--json');
    expect(fine.code).toBe(0);
    expect(JSON.parse(fine.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      counts: { total: 4, process: 3, skip: 1, fail: 0 },
    });
    const large = await run('run', source, destination, ...THUMBNAIL, '--dry-run', '--limits', 'bytes=9');
    expect(large.code).toBe(2);
    expect(large.stdout).toMatch(
      /3 would fail\n {4}0000\.jpg\n {6}TooManyBytes: "0000\.jpg" has \d+ bytes; the limit is 9/,
    );
    expect(existsSync(destination)).toBe(false);
  });

  test.runIf(process.platform === 'linux')(
    'tells of a name that is not UTF-8 when dry as it would when not',
    async () => {
      const source = await place.images('names', 1);
      const [name, found] = [Buffer.from('bad\xff.jpg', 'latin1'), 'bad\ufffd.jpg'];
      await copyFile(join(source, '0000.jpg'), Buffer.concat([Buffer.from(`${source}/`), name]));
      await copyFile(join(source, '0000.jpg'), join(source, 'good\ufffd.jpg'));
      const argv = ['run', source, join(source, '../names-out'), ...THUMBNAIL] as const;
      const dry = await run(...argv, '--dry-run');
      expect(dry.code).toBe(2);
      expect(dry.stdout).toContain('2 would be processed');
      expect(dry.stdout).toContain(`1 would fail\n    ${found}\n      UnsafeKey: The name of "${found}" in`);
      const real = await run(...argv);
      expect(real.stderr + real.stdout).toContain(`First failure: ${found}\n  UnsafeKey: The name of "${found}" in`);
    },
  );

  test('an interrupted run drains, exits 130 with a complete account, and is carried on', async () => {
    const source = await place.images('drain', 150);
    const destination = await place.folder('drain-out');
    const running = start('run', source, destination, ...THUMBNAIL, '--max-concurrency', '1', '--json');
    await firstOutput(destination);
    running.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Interrupted: finishing what has begun, for 10 s at most; starting nothing new.');
    const { counts, check, status, run: id } = summaryOf(stdout);
    expect(status).toBe('interrupted');
    expect(counts.total).toBe(150);
    expect(counts.pending).toBeGreaterThan(0);
    expect(counts.failed).toBe(0);
    expect(check.balanced).toBe(true);
    expect(await outputsIn(destination)).toHaveLength(counts.succeeded);
    const resumed = await run(
      'run',
      '--resume',
      join(destination, '.image-fanout/runs', id),
      '--max-concurrency',
      '16',
      '--json',
    );
    expect(resumed.code).toBe(0);
    expect(summaryOf(resumed.stdout).counts).toMatchObject({ total: 150, succeeded: 150 });
    expect(await outputsIn(destination)).toHaveLength(150);
  });

  test('a stop waits no longer than the grace for what has begun, and what has not is pending at once', async () => {
    // One image that takes many seconds, and fifteen more that are in flight beside it.
    const source = await place.folder('grace');
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const large = await sharp({ create: { width: 5000, height: 4000, channels: 3, background: 'grey', noise } })
      .jpeg()
      .toBuffer();
    const first = join(source, '0000.jpg');
    await writeFile(first, large);
    for (let index = 1; index < 16; index += 1)
      await link(first, join(source, `00${String(index).padStart(2, '0')}.jpg`));
    const recipe = join(await place.folder('grace-recipe'), 'recipe.json');
    await writeFile(
      recipe,
      JSON.stringify({ outputs: [{ name: 'a', key: '{dir}{name}.{format}', format: 'avif', avif: { effort: 9 } }] }),
    );
    const argv = ['run', source, `${source}-out`, '--recipe', recipe, '--max-concurrency', '16', '--json'] as const;
    const stopped = await run(...argv, '--grace', '0', '--deadline', '2s');
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toMatch(/Not waiting longer: 00\d\d\.jpg/);
    const { status, counts, check, run: id } = summaryOf(stopped.stdout);
    expect(status).toBe('stoppedByDeadline');
    expect(counts).toMatchObject({ total: 16, pending: 16, failed: 0 });
    expect(check.balanced).toBe(true);
    expect(await outputsIn(`${source}-out`)).toEqual([]);
    const records = join(`${source}-out`, '.image-fanout/runs', id);
    const lines = async (kind: string) =>
      (await readdir(records, { recursive: true })).filter((name) => name.includes(`${kind}_`));
    expect(await lines('PENDING')).toHaveLength(1);
    const shown = await run('report', `${source}-out`);
    expect(shown.code).toBe(2);
  });

  test('a second interruption aborts at once: exit 130, and no output is half-written', async () => {
    const source = await place.images('abort', 100);
    const destination = await place.folder('abort-out');
    const running = start('run', source, destination, '--recipe', 'social', '--max-concurrency', '8');
    await firstOutput(destination);
    running.kill('SIGINT');
    await sleep(50);
    running.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/Aborted\.\n/);
    for (const output of await outputsIn(destination)) {
      expect((await sharp(join(destination, output)).stats()).isOpaque).toBe(true);
    }
  });

  test('a breaker stops a run that tolerates everything and names the class: exit 2, and resume goes on without it', async () => {
    const source = await place.folder('breaker');
    const good = await place.images('breaker-good', 1);
    for (let index = 0; index < 12; index++) {
      const path = join(source, `${String(index).padStart(2, '0')}.jpg`);
      if (index < 4) await copyFile(join(good, '0000.jpg'), path);
      else await writeFile(path, 'no image');
    }
    const destination = await place.folder('breaker-out');
    const tolerant = [...THUMBNAIL, '--tolerated-failure-percentage', '100', '--max-concurrency', '1'];
    const stopped = await run('run', source, destination, ...tolerant, '--breaker', 'keys=4');
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toContain('Of the last 4 keys 3 failed by NotAnImage: more than 50 %');
    expect(stopped.stdout).toMatch(/^Stopped by the breaker: 7 of 12 keys in /);
    const again = await run('run', '--resume', destination, '--breaker', 'percentage=99', '--json');
    expect({ code: again.code, counts: summaryOf(again.stdout).counts }).toMatchObject({
      code: 2,
      counts: { pending: 4 },
    });
    const resumed = await run('run', '--resume', destination, '--breaker', 'keys=100', '--json');
    expect(resumed.code).toBe(3);
    expect(summaryOf(resumed.stdout).counts).toEqual({ total: 12, succeeded: 4, skipped: 0, failed: 8, pending: 0 });
  });

  test('a deadline leaves the rest pending: exit 2', async () => {
    const source = await place.images('deadline', 300);
    const destination = await place.folder('deadline-out');
    const { code, stdout, stderr } = await run(
      'run',
      source,
      destination,
      '--recipe',
      'social',
      '--max-concurrency',
      '1',
      '--deadline',
      '5s',
      '--json',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('The deadline has come');
    const { counts, status, executionStatus, run: id } = summaryOf(stdout);
    expect({ status, executionStatus }).toEqual({ status: 'stoppedByDeadline', executionStatus: 'ABORTED' });
    expect(counts.pending).toBeGreaterThan(0);
    expect(counts.succeeded + counts.pending).toBe(300);
    const shown = await run('report', destination);
    expect(shown.code).toBe(2);
    expect(shown.stdout).toContain(`Run ${id}: stopped by the deadline (stoppedByDeadline)\n`);
    // The reason is on record, not only in the account.
    await rm(join(destination, '.image-fanout/runs', id, 'summary.json'));
    const again = await run('report', destination, '--json');
    expect({ code: again.code, status: summaryOf(again.stdout).status }).toEqual({
      code: 2,
      status: 'stoppedByDeadline',
    });
  });

  test('a key that takes too long fails with the limit that it met', async () => {
    const source = await place.images('slow', 1);
    const { code, stderr } = await run(
      'run',
      source,
      `${source}-out`,
      '--recipe',
      'social',
      '--limits',
      'milliseconds=1',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/Failed: 0000\.jpg: ImageTimeout: .*1 milliseconds?/);
  });

  test.runIf(process.platform === 'linux')('tells the truth about its keys when its output finds no room', async () => {
    const [source, destination] = [await place.images('full', 2), await place.folder('full-out')];
    const shell = '"$0" "$@" > /dev/full';
    const argv = ['-c', shell, process.execPath, PROGRAM, 'run', source, destination, ...THUMBNAIL];
    const { stderr } = await promisify(execFile)('sh', argv);
    expect(stderr).toBe('image-fanout run: standard output: ENOSPC: no space left on device, write\n');
    expect(existsSync(join(destination, '0001-thumbnail.webp'))).toBe(true);
  });

  test('goes on when its reader goes away', async () => {
    const source = await place.images('pipe', 400);
    const recipe = join(await place.folder('pipe-recipe'), 'recipe.json');
    await writeFile(recipe, JSON.stringify({ format: 'webp', outputs: [{ name: 'one', key: '{dir}all.webp' }] }));
    // 399 collisions make more text than a pipe holds.
    const words = [
      process.execPath,
      PROGRAM,
      'run',
      source,
      `${source}-out`,
      '--recipe',
      recipe,
      '--dry-run',
      '--json',
    ];
    const script = `${words.map((word) => `'${word}'`).join(' ')} | head -c 1; exit "\${PIPESTATUS[0]}"`;
    const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((done) =>
      execFile('bash', ['-c', script], (error, out, err) => done({ code: error?.code ?? 0, stdout: out, stderr: err })),
    );
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '{', stderr: '' });
  });

  test('tells its progress to programs: JSON lines on standard error, the summary for people', async () => {
    const source = await withBroken('progress');
    const { code, stdout, stderr } = await run(
      ...['run', source, await place.folder('progress-out'), '--recipe', 'thumbnail'],
      ...['--tolerated-failure-count', '1', '--progress', 'json'],
    );
    expect(code).toBe(3);
    expect(stdout).toMatch(/^Done, with failures: /);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(expect.objectContaining({ event: 'failed', error: 'NotAnImage' }));
    for (const { event, ...progress } of events) {
      if (event === 'progress')
        expect(progress).toMatchObject({ total: expect.any(Number), inFlight: expect.any(Number) });
    }
    const wrong = await run('run', source, source, '--progress', 'jsno');
    expect(wrong.stderr).toContain('--progress: expected text, json, none, got jsno');
  });

  test('takes its job from a file, its account elsewhere, its images in processes of their own', async () => {
    const source = await withBroken('job');
    const destination = await place.folder('job-out');
    const results = await place.folder('job-results');
    const file = join(results, 'job.json');
    await writeFile(
      file,
      JSON.stringify({ source, destination, results, recipe: 'thumbnail', exclude: '*broken*', existing: 'fail' }),
    );
    const { code, stdout } = await run('run', '--job', file, '--isolate', '--json');
    expect(code).toBe(0);
    const { report, counts, run: id } = summaryOf(stdout);
    expect(report).toBe(`${join(results, 'runs', id)}/`);
    expect(counts).toMatchObject({ succeeded: 3, skipped: 1 });
    expect(existsSync(join(destination, '.image-fanout/runs'))).toBe(false);
    expect(summarySchema.parse(JSON.parse(await readFile(join(report, 'summary.json'), 'utf8'))).counts).toEqual(
      counts,
    );
    const again = await run('run', '--job', file, '--quiet');
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toContain('OutputExists');
  });
});

describe.concurrent('nothing is started: exit 1', () => {
  test.each([
    [
      'a misspelt option',
      ['--max-concurency', '5'],
      /^image-fanout run: there is no option --max-concurency; did you mean --max-concurrency\?\nSee: image-fanout run --help\n$/,
    ],
    ['a number that is none', ['--max-concurrency', 'ten'], /maxConcurrency: expected a number, got "ten"/],
    ['an unknown recipe', ['--recipe', 'webb'], /recipe: expected one of the presets .*, got "webb"/],
    ['a duration that is none', ['--deadline', 'soon'], /--deadline: expected a duration such as 90s/],
    [
      'guards that are none',
      ['--ramp', 'factor=2', '--breaker', 'percentage=100'],
      /ramp\.factor: unknown field, expected one of baseConcurrency, .*\n.*breaker\.percentage: expected less than 100, got 100/,
    ],
    [
      'a guard without a value',
      ['--ramp', 'on'],
      /--ramp: expected NAME=N such as baseConcurrency=10, or default, got on/,
    ],
    ['two runs to continue', ['--resume', 'a', '--retry-failed', 'b'], /expected --resume or --retry-failed, got both/],
    [
      'a run that is not there',
      ['--resume', 'nowhere'],
      /SourceNotFound: expected the run nowhere in .*-out\/\.image-fanout\/runs\/ .*, found none/,
    ],
    [
      'another job for a run',
      ['--resume', 'nowhere', '--recipe', 'web'],
      /a run is carried on with its own job: recipe cannot change/,
    ],
  ])('%s', async (name, options, message) => {
    const source = await place.images(name, 1);
    const { code, stdout, stderr } = await run('run', source, `${source}-out`, ...options);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(existsSync(`${source}-out`)).toBe(false);
  });

  test('a folder that is not there, or empty, or its own destination', async () => {
    const empty = await place.folder('empty');
    const [missing, none, same] = await Promise.all([
      run('run', `${empty}/missing`, `${empty}-out`),
      run('run', empty, `${empty}-out`),
      run('run', empty, `${empty}/out`, '--json'),
    ]);
    expect(missing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/source: expected a directory, but there is none at .*missing/),
    });
    expect(none).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/expected at least one object below .*, got none/),
    });
    // Who reads JSON gets a document, also of what was not started.
    expect(JSON.parse(same.stdout)).toMatchObject({ status: 'notStarted', error: 'InvalidJob' });
    expect(same).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/destination: expected a place outside the source/),
    });
    expect(existsSync(`${empty}-out`)).toBe(false);
    expect((await run('run', empty, `${empty}-out`, '--allow-empty')).code).toBe(0);
  });

  test('an unknown command', async () => {
    expect(await run('runn')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no command runn; did you mean run?'),
    });
  });
});

describe.concurrent('the program', () => {
  test('says where a run is looked for when nothing says it', async () => {
    const nowhere = { AWS_REGION: '', AWS_DEFAULT_REGION: '', AWS_PROFILE: '', AWS_CONFIG_FILE: '/dev/null' };
    const { code, stderr } = await startIn(nowhere, 'report', 'monday').ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^image-fanout report: InvalidJob: expected the Region of the stack ImageFanout, got none \(Region .*\): set AWS_/,
    );
    expect(stderr).toMatch(/\nFor a run of this machine, name its folder, or its destination with --in\.\n$/);
  });

  test('says what it can do, without starting anything', async () => {
    const [help, runHelp, version] = await Promise.all([run('--help'), run('run', '--help'), run('--version')]);
    for (const { code, stderr } of [help, runHelp, version]) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes:\n  0 ');
    expect(runHelp.stdout).toContain('--tolerated-failure-percentage N');
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('is what npx finds in the repository', async () => {
    const root = resolve(import.meta.dirname, '../..');
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
    expect(resolve(root, manifest.bin['image-fanout'] ?? '')).toBe(PROGRAM);
  });

  test('prints the schema of a job, and the presets', async () => {
    const [schema, presets] = await Promise.all([run('schema'), run('recipe', 'list', '--json')]);
    expect(JSON.parse(schema.stdout)).toMatchObject({
      type: 'object',
      properties: { toleratedFailureCount: { type: 'integer' } },
    });
    expect(JSON.parse(presets.stdout)).toHaveProperty('thumbnail');
  });

  test('checks a recipe, and shows what it makes of an image', async () => {
    const source = await withBroken('recipe');
    const recipe = join(source, 'recipe.json');
    await writeFile(recipe, JSON.stringify({ outputs: [{ name: 'a', key: 'x', format: 'webpp' }] }));
    const bad = await run('recipe', 'check', recipe);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(/2 problems:\n.*key: expected .*\n.*format: expected .*got "webpp"/);
    const good = await run('recipe', 'check', 'thumbnail', join(source, '0000.jpg'), '--json');
    expect(JSON.parse(good.stdout)).toMatchObject({
      source: { format: 'jpeg', width: 640 },
      renditions: [{ key: '0000-thumbnail.webp', width: 400, height: 300 }],
    });
    expect(await run('recipe', 'check', 'thumbnail', join(source, '0001-broken.jpg'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NotAnImage'),
    });
    await rm(recipe);
  });
});

async function firstOutput(destination: string): Promise<void> {
  while ((await outputsIn(destination)).length === 0) await sleep(20);
}
