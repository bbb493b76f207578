// `plan`, as a person calls it: text, JSON and page; nothing is written; a call that is wrong is told.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanReport } from '../../lambda/plan/report.ts';
import { startS3Server } from '../helpers/s3-server.ts';
import { run, startIn, type Workplace, workplace } from './program.ts';

let place: Workplace;
let source = '';
let destination = '';

beforeAll(async () => {
  place = await workplace();
  source = await place.images('source', 12);
  await writeFile(join(source, 'broken.jpg'), 'no image');
  await writeFile(join(source, '<b>&\u001b.png'), '');
  await writeFile(join(source, 'notes.txt'), 'x');
  destination = join(await place.folder('parent'), 'destination');
});
afterAll(() => place.remove());

describe.concurrent('plan', () => {
  test('tells keys, failures, outputs, time and price, and writes nothing', async () => {
    const { code, stdout, stderr } = await run('plan', source, destination, '--recipe', 'thumbnail');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('15 keys, of which 14 are meant');
    expect(stdout).toContain('left out: 1 not included');
    expect(stdout).toMatch(/2 NotAnImage \(1 for sure\)/);
    expect(stdout).toContain('the run would be stopped by them');
    expect(stdout).toMatch(/Here, on \d+ processors:/);
    expect(stdout).toContain('On AWS (us-east-1)');
    expect(stdout).toContain('toleratedFailurePercentage');
    expect(stdout).not.toContain('\u001b');
    expect(stdout.endsWith('Nothing was written.\n')).toBe(true);
    expect(existsSync(destination)).toBe(false);
  });

  test('is a JSON document, and a page without scripts', async () => {
    const page = join(await place.folder('pages'), 'plan.html');
    const { code, stdout } = await run(
      ...['plan', source, destination, '--recipe', 'thumbnail', '--json', '--html', page, '--on', 'aws'],
      ...['--region', 'eu-central-1', '--count', '2e9', '--try', '5', '--memory', '1024', '--max-concurrency', '50'],
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as PlanReport;
    expect(report).toMatchObject({ version: 1, seed: 1, sample: { tried: 5 }, scale: { keys: 2e9, runs: 20 } });
    expect(report.aws).toMatchObject({
      region: 'eu-central-1',
      pricesOf: 'eu-central-1',
      settings: { maxConcurrency: 50, itemsPerInvocation: 1, memory: 1024 },
    });
    const html = await readFile(page, 'utf8');
    expect(html).not.toMatch(/<script|<b>|http/i);
    expect(html).toContain('On AWS (eu-central-1)');
  });

  test('is of a bucket', async () => {
    const server = await startS3Server();
    try {
      for (const bucket of ['plan-photos', 'plan-site']) await server.createBucket(bucket);
      const seeding = startIn(
        server.env,
        'run',
        source,
        's3://plan-photos/in/',
        '--recipe',
        'archive',
        '--tolerated-failure-percentage',
        '100',
        '--quiet',
      );
      await seeding.ended;
      const { code, stdout } = await startIn(
        server.env,
        'plan',
        's3://plan-photos/in/',
        's3://plan-site/',
        '--recipe',
        'thumbnail',
      ).ended;
      expect(code).toBe(0);
      expect(stdout.indexOf('On AWS')).toBeLessThan(stdout.indexOf('Here, on'));
      expect(stdout).toMatch(/12 made: 12 new/);
    } finally {
      await server.stop();
    }
  });

  test.each([
    [['--on', 'moon'], '--on: expected aws or here, got moon'],
    [['--try', '0'], '--try: expected a whole number of at least 1, got "0"'],
    [['--count', '1.5'], '--count: expected a whole number'],
    [['--count', '1e99'], '--count: expected a whole number'],
    [['--try-time', 'soon'], '--try-time: expected'],
    [['--architecture', 'mips'], '--architecture: expected arm64 or x86_64, got mips'],
    [['--recipe', 'nope'], 'recipe'],
    [['--try-tiem', '3'], 'did you mean --try-time'],
  ])('refuses %j', async (options, message) => {
    const { code, stdout, stderr } = await run('plan', source, destination, ...options);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });

  test('refuses a source that is not there', async () => {
    const { code, stderr } = await run('plan', join(source, 'gone'), destination);
    expect(code).toBe(1);
    expect(stderr).toContain('expected a directory, but there is none');
    const empty = await place.folder('empty');
    await mkdir(empty, { recursive: true });
    expect((await run('plan', empty, destination)).stderr).toContain('expected at least one object');
  });
});
