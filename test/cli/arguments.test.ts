// The arguments: the options are the job's fields, and whatever is wrong is named.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { editDistance, suggest } from '../../lambda/contract/suggest.ts';
import { jobSchema, parseJob } from '../../lambda/job/job.ts';
import { parseArguments } from '../../lib/cli/arguments.ts';
import { parseDuration } from '../../lib/cli/duration.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS, jobInput } from '../../lib/cli/job-options.ts';

const command = { options: { ...JOB_OPTIONS, ...JOB_FILE_OPTION }, arguments: [0, 2] as const, usage: ['run SRC DST'] };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arguments-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function jobOf(...argv: string[]) {
  const { positionals, options } = parseArguments(argv, command);
  return await jobInput(positionals, options);
}

test('has exactly one option per field of the job', () => {
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  expect(Object.keys(JOB_OPTIONS).sort()).toEqual(Object.keys(jobSchema.shape).map(kebab).sort());
});

describe('a job from options', () => {
  test('takes SRC and DST, numbers, lists and flags', async () => {
    const job = await jobOf(
      'photos',
      'out',
      '--max-concurrency',
      '7',
      '--tolerated-failure-percentage=2.5',
      '--include',
      'a/**',
      '--include',
      'b/**',
      '--allow-empty',
    );
    expect(job).toEqual({
      source: 'photos',
      destination: 'out',
      maxConcurrency: 7,
      toleratedFailurePercentage: 2.5,
      include: ['a/**', 'b/**'],
      allowEmpty: true,
    });
    expect(parseJob(job).maxConcurrency).toBe(7);
  });

  test('overrides the fields of a job file', async () => {
    const file = join(folder, 'job.json');
    await writeFile(
      file,
      JSON.stringify({ source: 'a', recipe: 'thumbnail', maxConcurrency: 3, limits: { bytes: 5, pixels: 6 } }),
    );
    const job = await jobOf('--job', file, '--destination', 'b', '--max-concurrency', '4', '--limits', 'pixels=7');
    expect(job).toEqual({
      source: 'a',
      destination: 'b',
      recipe: 'thumbnail',
      maxConcurrency: 4,
      limits: { bytes: 5, pixels: 7 },
    });
  });

  test('reads a recipe from a file, and takes any other value as a name', async () => {
    const file = join(folder, 'recipe.json');
    await writeFile(file, '{"outputs":[]}');
    expect(await jobOf('--recipe', file)).toEqual({ recipe: { outputs: [] } });
    expect(await jobOf('--recipe', 'thumbnail')).toEqual({ recipe: 'thumbnail' });
    expect(await jobOf('--recipe', 's3://bucket/recipe.json')).toEqual({ recipe: 's3://bucket/recipe.json' });
  });
});

describe('names what is wrong', () => {
  test.each([
    [['--max-concurency', '5'], 'there is no option --max-concurency; did you mean --max-concurrency?'],
    [['--tolerated-failure-c=1'], 'there is no option --tolerated-failure-c; did you mean --tolerated-failure-count?'],
    [['--zzzzz'], 'there is no option --zzzzz'],
    [['-x'], 'there is no option -x'],
    [['--recipe'], "Option '--recipe <value>' argument missing"],
    [['--allow-empty=yes'], "Option '--allow-empty' does not take an argument"],
    [['a', 'b', 'c'], 'expected run SRC DST, got a b c'],
    [['a'], 'expected SRC and DST, got a only'],
    [['a', 'b', '--source', 'c'], 'expected SRC or --source, got both'],
    [['--limits', 'bytes'], '--limits: expected NAME=N such as bytes=50000000, got bytes'],
  ])('%j', async (argv, message) => {
    await expect(jobOf(...argv)).rejects.toThrow(message);
  });

  test.each([
    [['--max-concurrency', 'ten'], /maxConcurrency: expected .*, got "ten"/],
    [['--max-concurrency', '1e3'], /maxConcurrency: expected .*, got "1e3"/],
    [['--max-concurrency', ''], /maxConcurrency: expected .*, got ""/],
    [['--max-concurrency', '0x10'], /maxConcurrency: expected .*, got "0x10"/],
    [['--max-concurrency', '1.5'], /maxConcurrency: expected .*, got 1\.5/],
    [['--max-concurrency', '0'], /maxConcurrency: expected at least 1, got 0/],
    [['--tolerated-failure-percentage', '101'], /toleratedFailurePercentage: expected at most 100, got 101/],
    [['--existing', 'maybe'], /existing: expected one of skip, replace, fail, got "maybe"/],
    [['--limits', 'megabytes=5'], /limits\.megabytes: unknown field/],
    [['--limits', 'bytes=5XB'], /limits\.bytes: expected .*, got "5XB"/],
    [['--source', 'ftp://host/x'], /source: expected s3:\/\/bucket\/prefix\/ or a directory, got ftp:\/\/host\/x/],
    [['--source', 's3://Bad_Bucket/x'], /source: expected s3:\/\/bucket\/key with a bucket's name/],
    [['--keys', 'a', '--manifest', 'b.csv'], /manifest, keys: expected one of the two, got both/],
  ])('%j, by the job', async (argv, message) => {
    const job = await jobOf(...argv);
    expect(() => parseJob(job)).toThrow(message);
  });

  test('lists all problems of a job at once', async () => {
    const job = await jobOf('--max-concurrency', 'ten', '--existing', 'maybe', '--source', 'ftp://host/x');
    expect(() => parseJob(job)).toThrow(/3 problems:\n.*source.*\n.*maxConcurrency.*\n.*existing/);
  });

  test.each([
    ['a file that is not there', undefined, /--job .*: expected a file, but there is none/],
    ['a file that is no JSON', '{"source":', /--job .*: expected JSON/],
    ['a file that is no object', '[]', /expected a JSON object, got an array/],
  ])('%s', async (name, content, message) => {
    const file = join(folder, `${name}.json`);
    if (content !== undefined) await writeFile(file, content);
    await expect(jobOf('--job', file)).rejects.toThrow(message);
  });
});

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
  ])('%s is %d milliseconds', (text, milliseconds) => {
    expect(parseDuration('deadline', text)).toBe(milliseconds);
  });

  test.each(['', '5', '0s', 's', '-5s', '5s junk', 'junk5s', '5 s', '5weeks'])('refuses %j', (text) => {
    expect(() => parseDuration('deadline', text)).toThrow(
      `--deadline: expected a duration such as 90s, 15m or 1h30m, got ${JSON.stringify(text)}`,
    );
  });
});

describe('suggestions', () => {
  test('a distance is a metric', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      }),
    );
  });

  test('any one wrong letter in an option is recognised', () => {
    const names = Object.keys(JOB_OPTIONS).filter((name) => name.length > 5);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, at) => {
        const place = at % name.length;
        expect(suggest(`${name.slice(0, place)}~${name.slice(place + 1)}`, Object.keys(JOB_OPTIONS))).toBe(name);
      }),
    );
  });
});
