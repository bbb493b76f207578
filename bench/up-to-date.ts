// The cost of a run with nothing to do: 100,000 keys that are all up to date, over S3 and in a directory. Fails when a key costs more than it must.
// Usage: node bench/up-to-date.ts [--keys N]. On S3 one HEAD per key, on a directory two stats (source and output) and no file opened.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { fingerprint } from '../lambda/contract/fingerprint.ts';
import { encoderVersion } from '../lambda/image/encoder-version.ts';
import { parseJob } from '../lambda/job/job.ts';
import { recipeInputSchema, resolveRecipe } from '../lambda/recipe/recipe.ts';
import type { Summary } from '../lambda/report/summary.ts';
import { IMAGE_FANOUT, type ProgramOptions, runProgram } from './harness/processes.ts';
import { judge } from './harness/report.ts';
import type { Counts, Objects } from './up-to-date/head-server.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '100000' } } });
const keys = Number(values.keys);
const work = await mkdtemp(join(tmpdir(), 'image-fanout-bench-up-to-date-'));
try {
  await overS3();
  await inDirectory();
} finally {
  await rm(work, { recursive: true, force: true });
}

async function overS3(): Promise<void> {
  const etag = '9a0364b9e99bb480dd25e1f0284c8555';
  const recipe = resolveRecipe(recipeInputSchema.parse(parseJob({ recipe: 'thumbnail' }).recipe));
  const objects: Objects = {
    keys,
    etag,
    fingerprint: fingerprint({ etag, recipe, encoder: encoderVersion(), inputs: [] }),
  };
  const server = fork(join(import.meta.dirname, 'up-to-date/head-server.ts'), [JSON.stringify(objects)], {
    execArgv: [],
  });
  try {
    const [port] = (await once(server, 'message')) as [number];
    const env = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    await rerun('S3', ['s3://photos/in/', 's3://renditions/out/', '--results', join(work, 'results')], { env });
    server.send('counts');
    const [counts] = (await once(server, 'message')) as [Counts];
    const { HEAD = 0, LIST = 0, ...others } = counts;
    console.log(`  ${HEAD} HEAD, ${LIST} pages of the listing, else ${JSON.stringify(others)}`);
    judge('HEAD requests per key', HEAD / keys, { atMost: 1 });
    const other = Object.values(others).reduce((sum, count) => sum + count, LIST);
    judge('other requests per page of the listing', other / Math.ceil(keys / 1000), {
      atMost: 1.1 + 5 / Math.ceil(keys / 1000),
    });
  } finally {
    server.disconnect();
  }
}

async function inDirectory(): Promise<void> {
  const source = join(work, 'source');
  const destination = join(work, 'destination');
  await makeFiles(source);
  const first = await runProgram(process.execPath, [
    IMAGE_FANOUT,
    'run',
    source,
    destination,
    '--recipe',
    'thumbnail',
    '--quiet',
  ]);
  if (first.code !== 0) throw new Error(`The first run ended with ${first.code}: ${first.stderr}`);
  console.log(`directory: the first run made ${keys} outputs in ${first.seconds.toFixed(0)} s`);
  await rerun('directory', [source, destination]);

  // Once more with its calls counted, which takes its time.
  const calls = join(work, 'calls.json');
  const counter = pathToFileURL(join(import.meta.dirname, 'up-to-date/fs-calls.ts')).href;
  const env = { FS_CALLS: calls, NODE_OPTIONS: `--import ${counter}` };
  await rerun('directory, counted', [source, destination], { env });
  const counts = JSON.parse(await readFile(calls, 'utf8')) as Counts;
  console.log(
    `  ${Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
  );
  const { stat = 0, write: _, ...others } = counts;
  // What the program does once, its modules above all, is not counted as the keys'.
  judge('stats per key, source and output', stat / keys, { atMost: 2 + 500 / keys });
  const other = Object.values(others).reduce((sum, count) => sum + count, 0);
  judge('other calls of the file system per key', other / keys, { atMost: 2000 / keys });
}

/** Runs the job again, and holds it to finding everything up to date. */
async function rerun(name: string, places: readonly string[], options: ProgramOptions = {}): Promise<void> {
  const argv = [IMAGE_FANOUT, 'run', ...places, '--recipe', 'thumbnail', '--json'];
  const { code, seconds, stdout, stderr } = await runProgram(process.execPath, argv, options);
  if (code !== 0) throw new Error(`${name}: the run ended with ${code}: ${stderr}`);
  const { counts, skipped } = JSON.parse(stdout) as Summary;
  if (counts.total !== keys || skipped['upToDate'] !== keys)
    throw new Error(`${name}: expected ${keys} keys, all up to date, got ${JSON.stringify({ counts, skipped })}`);
  console.log(
    `${name}: ${keys} keys up to date in ${seconds.toFixed(1)} s, ${Math.round(keys / seconds)} keys a second`,
  );
}

/** One tiny image under many names, a thousand a folder. */
async function makeFiles(source: string): Promise<void> {
  const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  for (let from = 0; from < keys; from += 1000) {
    const folder = join(source, String(from / 1000).padStart(4, '0'));
    await mkdir(folder, { recursive: true });
    const first = join(folder, '000.jpg');
    await writeFile(first, image);
    const names = Array.from(
      { length: Math.min(1000, keys - from) - 1 },
      (_, at) => `${String(at + 1).padStart(3, '0')}.jpg`,
    );
    await Promise.all(names.map((name) => link(first, join(folder, name))));
  }
}
