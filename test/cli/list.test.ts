// `list` of a destination and `--log-file`, the real program on real files.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Summary } from '../../lambda/report/summary.ts';
import { run, start, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

const THUMBNAIL = ['--recipe', 'thumbnail'];

test('the runs of a destination are listed, latest first, with what became of them', async () => {
  const source = await place.images('listed', 2);
  const destination = `${source}-out`;
  const done: Summary = JSON.parse((await run('run', source, destination, ...THUMBNAIL, '--json')).stdout);
  await writeFile(join(source, '0001-broken.jpg'), 'no image');
  const argv = ['run', source, destination, ...THUMBNAIL, '--existing', 'replace', '--json'] as const;
  const stopped: Summary = JSON.parse((await run(...argv, '--max-concurrency', '1')).stdout);

  const shown = await run('list', destination);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout.trimEnd().split('\n')).toEqual([
    expect.stringMatching(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ  stoppedByFailures .* 1 of 3 keys  ${stopped.run}$`),
    ),
    expect.stringMatching(new RegExp(`^\\S+Z  succeeded .* 2 of 2 keys  ${done.run}$`)),
  ]);
  const listed = JSON.parse((await run('list', '--in', destination, '--json')).stdout);
  expect(listed).toMatchObject([
    { run: stopped.run, status: 'stoppedByFailures', counts: { total: 3, failed: 1 } },
    { run: done.run, status: 'succeeded', counts: { total: 2, succeeded: 2 } },
  ]);
  // What is listed is what report takes.
  expect((await run('report', listed[0].folder)).code).toBe(2);
  const chosen = await run('list', destination, '--status', 'SUCCEEDED', '--most', '1', '--json');
  expect(JSON.parse(chosen.stdout)).toMatchObject([{ run: done.run }]);

  // An account that is not of the run's present state is not told.
  await rm(join(destination, '.image-fanout/runs', done.run, 'summary.json'));
  const killed = JSON.parse((await run('list', destination, '--json')).stdout);
  expect(killed[1]).toMatchObject({ run: done.run, status: 'noEndOnRecord' });
  expect(killed[1].counts).toBeUndefined();
});

test('a run that is being worked on is listed as running', async () => {
  const source = await place.images('listed-live', 200);
  const running = start('run', source, `${source}-out`, '--recipe', 'social', '--max-concurrency', '1');
  for (let look = 0; ; look += 1) {
    const { stdout } = await run('list', `${source}-out`, '--json');
    if (stdout !== '' && JSON.parse(stdout)[0]?.status === 'running') break;
    expect(look).toBeLessThan(50);
  }
  running.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
  const [listed] = JSON.parse((await run('list', `${source}-out`, '--json')).stdout);
  expect(listed.status).toBe('interrupted');
}, 60_000);

test.each([
  [['list', 'DST', '--in', 'OTHER'], /expected DST or --in, got both/],
  [['list', 'DST', '--stack', 'NAME'], /expected a destination or --stack, got both/],
  [['list', 'DST', '--most', '0'], /--most: expected a whole number of at least 1, got "0"/],
  [['list', 'DST', '--status', 'odd'], /--status: expected one of running, succeeded, .*, got odd/],
])('%j is refused', async (argv, message) => {
  const { code, stderr } = await run(...argv);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});

test('a log file is given every failure, what is said and the summary, run after run', async () => {
  const source = await place.folder('logged');
  await Promise.all(
    Array.from({ length: 25 }, (_, index) => writeFile(join(source, `${String(index).padStart(2, '0')}.jpg`), 'no')),
  );
  const log = join(await place.folder('logged-log'), 'run.log');
  const argv = ['run', source, `${source}-out`, ...THUMBNAIL, '--tolerated-failure-count', '25', '--log-file', log];
  const ended = await run(...argv, '--quiet');
  expect(ended.code).toBe(3);
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
  expect(lines.every((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /.test(line))).toBe(true);
  expect(lines[0]).toMatch(/Z Run \S+$/);
  expect(lines.filter((line) => /Z Failed: \d\d\.jpg: NotAnImage: /.test(line))).toHaveLength(25);
  expect(lines.join('\n')).toMatch(/Z Done, with failures: 25 keys /);
  expect(lines.slice(-3).join('\n')).toMatch(/Z Account: .*\n.*Z Page: {4}/);

  await run(...argv, '--json');
  const more = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(lines.length);
  const events = more.map((line) => JSON.parse(line) as { at: string; event: string });
  expect(events.filter(({ event }) => event === 'failed')).toHaveLength(25);
  expect(events.every(({ at }) => !Number.isNaN(Date.parse(at)))).toBe(true);

  const refused = await run(...argv.slice(0, -1), join(log, 'no-folder'));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/--log-file: expected a file that can be written, got .*no-folder: /);
});
