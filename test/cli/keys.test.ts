// Which keys a run is about: globs, keys that are named, manifests as people's programs write them.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Summary, summarySchema } from '../../lambda/report/summary.ts';
import { type Ended, outputsIn, run, runWith, type Workplace, workplace } from './program.ts';

let place: Workplace;

beforeAll(async () => {
  place = await workplace();
});
afterAll(() => place.remove());

const summaryOf = ({ stdout }: Ended): Summary => summarySchema.parse(JSON.parse(stdout));
const messagesOf = ({ stderr }: Ended): string[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { event: string; text?: string })
    .flatMap(({ event, text }) => (event === 'message' && text !== undefined ? [text] : []));

/** `0.jpg`, `A/1.jpg`, `A/B/2.JPG`, `B/3.jpg`, `notes.txt`. */
async function tree(name: string): Promise<string> {
  const source = await place.images(name, 4);
  await mkdir(join(source, 'A/B'), { recursive: true });
  await mkdir(join(source, 'B'));
  await rename(join(source, '0000.jpg'), join(source, '0.jpg'));
  await rename(join(source, '0001.jpg'), join(source, 'A/1.jpg'));
  await rename(join(source, '0002.jpg'), join(source, 'A/B/2.JPG'));
  await rename(join(source, '0003.jpg'), join(source, 'B/3.jpg'));
  await writeFile(join(source, 'notes.txt'), 'no image');
  return source;
}

const ALL = ['0', 'A/1', 'A/B/2', 'B/3'];

describe.concurrent('globs are read as gitignore reads them', () => {
  test.each<[options: readonly string[], made: readonly string[], skipped: Summary['skipped']]>([
    [[], ALL, { notIncluded: 1 }],
    [['--include', '*.jpg'], ['0', 'A/1', 'B/3'], { notIncluded: 2 }],
    [['--include', '/*.jpg'], ['0'], { notIncluded: 4 }],
    [['--include', 'A/*.jpg'], ['A/1'], { notIncluded: 4 }],
    [['--include', '*.JPG', '--include', 'B/3.*'], ['A/B/2', 'B/3'], { notIncluded: 3 }],
    [['--exclude', 'B'], ['0', 'A/1'], { notIncluded: 1, excluded: 2 }],
    [['--exclude', 'B/'], ['0', 'A/1'], { notIncluded: 1, excluded: 2 }],
    [['--exclude', '/B'], ['0', 'A/1', 'A/B/2'], { notIncluded: 1, excluded: 1 }],
    [['--exclude', 'A/B/'], ['0', 'A/1', 'B/3'], { notIncluded: 1, excluded: 1 }],
    [['--include', 'A', '--exclude', '*.JPG'], ['A/1'], { notIncluded: 3, excluded: 1 }],
  ])('%j', async (options, made, skipped) => {
    const source = await tree(`globs ${options.join(' ').replaceAll('/', '|')}`);
    const ended = await run('run', source, `${source}-out`, '--recipe', 'thumbnail', '--json', ...options);
    expect(ended.code).toBe(0);
    expect(messagesOf(ended)).toEqual([]);
    expect(await outputsIn(`${source}-out`)).toEqual(made.map((name) => `${name}-thumbnail.webp`));
    expect(summaryOf(ended).skipped).toEqual(skipped);
  });

  test('one that matches no key of a whole listing is named', async () => {
    const source = await tree('unused');
    const options = ['--include', '*.jpeg', '--include', '*.jpg', '--exclude', 'C/', '--json'];
    const ended = await run('run', source, `${source}-out`, '--recipe', 'thumbnail', ...options);
    expect(ended.code).toBe(0);
    expect(messagesOf(ended)).toEqual([
      'The glob "*.jpeg" matched none of 5 keys.',
      'The glob "C/" matched none of 5 keys.',
    ]);
  });

  test('--include tells that it stands instead of the default, where that would have left out what is no image', async () => {
    const source = await tree('include-all');
    const options = ['--include', '*', '--tolerated-failure-count', '1', '--recipe', 'thumbnail', '--json'];
    const ended = await run('run', source, `${source}-out`, ...options);
    expect(ended.code).toBe(3);
    expect(messagesOf(ended)).toEqual([
      '--include stands instead of the default, the extensions of images, which leaves out what notes.txt is.',
    ]);
  });

  test('one that is none is refused: exit 1', async () => {
    const source = await tree('broken-glob');
    const { code, stderr } = await run('run', source, `${source}-out`, '--include', '[');
    expect(code).toBe(1);
    expect(stderr).toMatch(/include: expected a glob, got "\["/);
  });
});

describe.concurrent('a key that is named is meant', () => {
  const named = ['--recipe', 'thumbnail', '--tolerated-failure-count', '9', '--json'];

  test('in --keys: whatever its name ends in, and also when it is not there', async () => {
    const source = await tree('named');
    const keys = ['0.jpg', 'notes.txt', 'gone.jpg', 'gone.txt'].flatMap((key) => ['--keys', key]);
    const ended = await run('run', source, `${source}-out`, ...keys, ...named);
    expect(ended.code).toBe(3);
    const { counts, errors, skipped } = summaryOf(ended);
    expect(counts).toMatchObject({ succeeded: 1, failed: 3, skipped: 0 });
    expect(errors.map(({ name, count }) => [name, count])).toEqual([
      ['SourceNotFound', 2],
      ['NotAnImage', 1],
    ]);
    expect(skipped).toEqual({});
    // What --include says holds for named keys, too.
    const included = await run('run', source, `${source}-out2`, ...keys, '--include', '0.*', ...named);
    expect(included.code).toBe(0);
    expect(summaryOf(included).skipped).toEqual({ notIncluded: 3 });
  });

  test.each([
    ['a CSV whose header ends in LF and whose rows end in CRLF', 'list.csv', 'key,size\n0.jpg,1\r\nA/1.jpg,2\r\n'],
    ['a CSV with a byte order mark', 'list.csv', '\ufeffkey\n0.jpg\nA/1.jpg\n'],
    ['JSONL with a byte order mark', 'list.jsonl', '\ufeff"0.jpg"\r\n{"key": "A/1.jpg"}\r\n'],
    ['a JSON array with a byte order mark', 'list.json', '\ufeff["0.jpg", "A/1.jpg"]'],
  ])('in %s', async (name, file, text) => {
    const source = await tree(name);
    const list = join(await place.folder(`${name}-list`), file);
    await writeFile(list, text);
    const ended = await run('run', source, `${source}-out`, '--manifest', list, ...named);
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(0);
    expect(await outputsIn(`${source}-out`)).toEqual(['0-thumbnail.webp', 'A/1-thumbnail.webp']);
  });

  test('a recipe and a job with a byte order mark are read', async () => {
    const source = await tree('marks');
    const folder = await place.folder('marks-files');
    const [recipe, job] = [join(folder, 'recipe.json'), join(folder, 'job.json')];
    await writeFile(recipe, '\ufeff{"outputs":[{"name":"a","key":"{dir}{name}.{format}","format":"webp"}]}');
    await writeFile(job, `\ufeff${JSON.stringify({ source, destination: `${source}-out` })}`);
    expect((await run('recipe', 'check', recipe)).code).toBe(0);
    expect((await run('run', '--job', job, '--recipe', recipe, '--quiet')).code).toBe(0);
    expect(await outputsIn(`${source}-out`)).toHaveLength(4);
  });
});

describe.concurrent('a manifest from standard input', () => {
  test.each([
    ['plain lines', '0.jpg\nA/1.jpg\r\n\n', ALL.slice(0, 2)],
    ['paths as find writes them', './0.jpg\n./A/B/2.JPG\n', ['0', 'A/B/2']],
    ['JSONL', '"0.jpg"\n{"key": "B/3.jpg"}\n', ['0', 'B/3']],
    ['a JSON array', ' ["0.jpg",\n"B/3.jpg"]', ['0', 'B/3']],
    ['a CSV with a column "key"', 'size,key\n1,A/1.jpg\n', ['A/1']],
    ['a CSV that is gzipped', gzipSync('key\nA/1.jpg\n'), ['A/1']],
  ])('%s', async (name, text, made) => {
    const source = await tree(`stdin ${name.replaceAll('"', '')}`);
    const argv = ['run', source, `${source}-out`, '--recipe', 'thumbnail', '--manifest', '-', '--json'] as const;
    const ended = await runWith(text, ...argv);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(await outputsIn(`${source}-out`)).toEqual(made.map((key) => `${key}-thumbnail.webp`));
    // It lies in the run's folder, where a resume finds it.
    const { reader, results } = summaryOf(ended).job;
    expect(reader).toEqual({ kind: 'JSONL', bucket: results.bucket, key: `${results.prefix}keys.jsonl` });
    expect((await run('run', '--resume', `${source}-out`, '--quiet')).code).toBe(0);
  });

  test('is carried on after a failure; one without a key is refused', async () => {
    const source = await tree('stdin resumed');
    const argv = ['run', source, `${source}-out`, '--recipe', 'thumbnail', '--manifest', '-', '--quiet'] as const;
    const stopped = await runWith('0.jpg\ngone.jpg\nB/3.jpg\n', ...argv, '--max-concurrency', '1');
    expect(stopped.code).toBe(2);
    await rename(join(source, 'A/1.jpg'), join(source, 'gone.jpg'));
    expect((await run('run', '--resume', `${source}-out`, '--quiet')).code).toBe(0);
    expect(await outputsIn(`${source}-out`)).toHaveLength(3);
    const none = await runWith('', ...argv);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/manifest: expected at least one key, got none/);
    const odd = await runWith(Buffer.from('a\xffb.jpg\n', 'latin1'), ...argv);
    expect(odd.code).toBe(1);
    expect(odd.stderr).toMatch(/manifest: expected plain text in UTF-8, got other bytes/);
  });
});

describe.concurrent('a try-out is a real run over a part of the keys that are meant', () => {
  test('the first ones', async () => {
    const source = await tree('first');
    const ended = await run('run', source, `${source}-out`, '--recipe', 'thumbnail', '--first', '2', '--json');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(summaryOf(ended)).toMatchObject({ counts: { total: 2, succeeded: 2 }, job: { part: { first: 2 } } });
    expect(await outputsIn(`${source}-out`)).toEqual(['0-thumbnail.webp', 'A/1-thumbnail.webp']);
    const named = ['--keys', 'notes.txt', '--keys', 'B/3.jpg', '--include', '*.jpg', '--first', '1', '--json'];
    const one = await run('run', source, `${source}-out2`, '--recipe', 'thumbnail', ...named);
    expect(summaryOf(one)).toMatchObject({ counts: { total: 1, succeeded: 1 } });
    expect(await outputsIn(`${source}-out2`)).toEqual(['B/3-thumbnail.webp']);
  });

  test('a sample, spread evenly and the same each time; the dry run shows it; what is left is a later run', async () => {
    const source = await place.images('sample', 40);
    await writeFile(join(source, '0000.txt'), 'no image');
    const argv = ['run', source, `${source}-out`, '--recipe', 'thumbnail'] as const;
    const dry = await run(...argv, '--sample', '5', '--dry-run');
    expect(dry.stdout).toContain('of 5 keys:\n  5 would be processed: 5 new');
    const ended = await run(...argv, '--sample', '5');
    expect(ended.stdout).toContain('A try-out: a sample of 5 of the 40 keys that are meant, spread evenly');
    const made = await outputsIn(`${source}-out`);
    for (const output of made) expect(dry.stdout).toContain(`→ ${output}\n`);
    expect(made).toHaveLength(5);
    const places = made.map((output) => Number(output.slice(0, 4)));
    for (const [at, index] of places.slice(1).entries()) {
      const gap = index - (places[at] as number);
      expect(gap).toBeGreaterThanOrEqual(4);
      expect(gap).toBeLessThanOrEqual(12);
    }
    const all = summaryOf(await run(...argv, '--json'));
    expect(all).toMatchObject({ counts: { total: 41, succeeded: 35 }, skipped: { upToDate: 5, notIncluded: 1 } });
    const more = await run(...argv, '--sample', '100', '--json');
    expect(summaryOf(more)).toMatchObject({ counts: { total: 40 }, job: { part: { sample: 100, of: 40 } } });
  });

  test('a sample of a manifest; both at once, or none that is meant, are refused', async () => {
    const source = await tree('sample-list');
    const list = join(await place.folder('sample-list-list'), 'list.csv');
    await writeFile(list, `key\n${['0.jpg', 'A/1.jpg', 'A/B/2.JPG', 'B/3.jpg'].join('\n')}\n`);
    const argv = ['run', source, `${source}-out`, '--recipe', 'thumbnail', '--manifest', list] as const;
    expect((await run(...argv, '--sample', '2', '--quiet')).code).toBe(0);
    expect(await outputsIn(`${source}-out`)).toHaveLength(2);
    const both = await run(...argv, '--sample', '2', '--first', '2');
    expect(both.code).toBe(1);
    expect(both.stderr).toContain('first, sample: expected one of the two, got both');
    const none = await run(...argv, '--first', '2', '--include', '*.gif');
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('first: expected at least one key that is meant, got none');
  });
});

test('the keys that failed are a manifest that can be fed back in, and limits take units', async () => {
  const source = await place.images('again', 2);
  await writeFile(join(source, 'bad.jpg'), 'no image');
  const argv = ['run', source, `${source}-out`, '--recipe', 'thumbnail', '--quiet'] as const;
  expect((await run(...argv, '--tolerated-failure-count', '5')).code).toBe(3);
  const { code, stdout } = await run('report', `${source}-out`, '--failed-keys');
  expect({ code, stdout }).toEqual({ code: 3, stdout: '"bad.jpg"\n' });
  const list = join(await place.folder('again-list'), 'failed.jsonl');
  await writeFile(list, stdout);
  await rename(join(source, '0000.jpg'), join(source, 'bad.jpg'));
  const limits = ['--limits', 'bytes=10MB', '--limits', 'memory=1.5GiB', '--limits', 'milliseconds=1m30s'];
  const again = await run(...argv.slice(0, -1), '--manifest', list, ...limits, '--json');
  expect(again.code).toBe(0);
  const { counts, job } = summaryOf(again);
  expect(counts).toMatchObject({ total: 1, succeeded: 1 });
  expect(job.limits).toMatchObject({ bytes: 10_000_000, memory: 1.5 * 1024 ** 3, milliseconds: 90_000 });
  const bad = await run(...argv, '--limits', 'bytes=10X');
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain(
    'limits.bytes: expected a number of bytes, or a size such as 500KB, 10MB or 1GiB, got "10X"',
  );
});

test('sizes and times take units in job files and recipes, too', async () => {
  const source = await place.images('units', 1);
  const job = join(await place.folder('units-job'), 'job.json');
  const recipe = { format: 'jpeg', maxBytes: '20KB' };
  const limits = { bytes: '10MB', memory: '1GiB', milliseconds: '1m30s' };
  await writeFile(job, JSON.stringify({ source, destination: `${source}-out`, recipe, limits }));
  const ended = await run('run', '--job', job, '--json');
  expect(ended.code).toBe(0);
  const told = summaryOf(ended).job;
  expect(told.limits).toMatchObject({ bytes: 10_000_000, memory: 1024 ** 3, milliseconds: 90_000 });
  expect(told.recipe.outputs[0]?.maxBytes).toBe(20_000);
  await writeFile(job, JSON.stringify({ source, destination: `${source}-out`, limits: { milliseconds: '90 s' } }));
  const bad = await run('run', '--job', job);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toMatch(
    /limits\.milliseconds: expected a number of milliseconds, or a duration such as .*, got "90 s"/,
  );
});

test('a list that breaks off: nothing runs, or the account tells how much of it was read, and a resume goes on once it is mended', async () => {
  const source = await place.images('broken-list', 3);
  const manifest = join(source, '../broken.jsonl');
  // The first megabyte is looked at before anything runs.
  const named = `"0000.jpg"\n"0001.jpg"\n"0002.jpg"\n${'\n'.repeat(4_000_000)}`;
  const args = [source, await place.folder('broken-list-out'), '--manifest', manifest, '--recipe', 'thumbnail'];

  await writeFile(manifest, `"0000.jpg"\nnot json\n`);
  const refused = await run('run', ...args);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/InvalidJob: .*\n.*expected JSON in each line, got .* in line 2 of .*broken\.jsonl/);
  await expect(run('report', 'latest', '--in', args[1] as string)).resolves.toMatchObject({ code: 1, stdout: '' });

  await writeFile(manifest, `${named}not json\n`);
  const stopped = await run('run', ...args);
  expect(stopped.code).toBe(2);
  expect(stopped.stdout).toMatch(
    /^Stopped: .*\n(.*\n)*Stopped by: States\.ItemReaderFailed: .*: Line 4000004 is not JSON/,
  );
  expect(stopped.stdout).toContain('Only the first 3 items of the listing could be read');
  expect(stopped.stdout).not.toContain('does not add up');
  const { counts, check } = summaryOf(await run('report', 'latest', '--in', args[1] as string, '--json'));
  expect(check).toEqual({ listed: 3, listingEnded: false, balanced: true, problems: [] });
  expect(counts).toMatchObject({ total: 3, failed: 0 });

  await writeFile(manifest, `${named}"0001.jpg"\n`);
  const resumed = await run('run', '--resume', args[1] as string, '--json');
  expect(resumed.code).toBe(0);
  expect(summaryOf(resumed)).toMatchObject({ counts: { total: 4, pending: 0 }, check: { balanced: true } });
}, 60_000);
