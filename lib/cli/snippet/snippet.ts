// `recipe snippet`: <picture> elements from the manifests of a run, or one combined manifest of them all.
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { isDirectory, type Location, parseObject } from '../../../lambda/contract/location.ts';
import { staticOutputKeys } from '../../../lambda/recipe/keys.ts';
import type { ItemRow } from '../../../lambda/report/item-row.ts';
import { lines } from '../../../lambda/report/lines.ts';
import { readJob } from '../../../lambda/report/run-folder.ts';
import { ITEMS_JSONL } from '../../../lambda/report/summary.ts';
import { openStores } from '../../../lambda/store/open.ts';
import type { OpenStore } from '../../../lambda/store/store.ts';
import { EXIT, type ExitCode, UsageError } from '../command.ts';
import { findRun } from '../find-run.ts';
import { type Manifest, manifestSchema, pictures, relative } from './picture.ts';

export interface SnippetOptions {
  readonly base?: string;
  readonly sizes?: string;
  readonly alt?: string;
  /** One combined manifest instead. */
  readonly json: boolean;
}

interface Found {
  readonly manifest: Manifest;
  /** Of the manifest, below the destination. */
  readonly folder: string;
}

/** Prints them. `place` is a manifest, a run's folder, or a destination (its latest run). Throws when there is none. */
export async function snippet(place: string, options: SnippetOptions): Promise<ExitCode> {
  const stores = openStores();
  let count = 0;
  try {
    const found = /\.json$/i.test(place) ? one(place, stores.open) : ofRun(place, stores.open);
    if (options.json) process.stdout.write('{\n"images": {');
    for await (const { manifest, folder } of found) {
      process.stdout.write(
        options.json
          ? `${count === 0 ? '' : ','}\n${entry(manifest, folder, options)}`
          : text(manifest, folder, options),
      );
      count++;
    }
    if (options.json) process.stdout.write('\n}\n}\n');
  } finally {
    await stores.close();
  }
  if (count === 0)
    throw new Error(`expected manifests of images, which a recipe such as web makes, got none in ${place}`);
  return EXIT.succeeded;
}

function text(manifest: Manifest, folder: string, { json: _, ...options }: SnippetOptions): string {
  const name = manifest.source.key.replaceAll('--', '- -').replaceAll('>', '&gt;');
  return `<!-- ${name} -->\n${pictures(manifest, { ...options, folder }).join('\n')}\n`;
}

/** An image in the combined manifest, by its source's key: paths are relative to the destination, or begin with the base. */
function entry(manifest: Manifest, folder: string, { base = '' }: SnippetOptions): string {
  const path = (it: string) => posix.normalize(posix.join(folder, it));
  const { source, ...rest } = manifest;
  const whole = {
    ...rest,
    source,
    sources: manifest.sources.map((one) => ({
      ...one,
      srcset: one.srcset
        .split(', ')
        .map((candidate) => base + relative(folder, candidate))
        .join(', '),
    })),
    outputs: manifest.outputs.map((one) => ({ ...one, path: path(one.path) })),
  };
  return `${JSON.stringify(source.key)}: ${JSON.stringify(whole)}`;
}

async function* one(place: string, open: OpenStore): AsyncGenerator<Found> {
  const body = place.startsWith('s3://') ? await readObject(place, open) : await readFile(place, 'utf8');
  yield { manifest: parsed(body, place), folder: '' };
}

async function readObject(place: string, open: OpenStore): Promise<string> {
  const { bucket, key } = parseObject(place);
  return (await open(bucket).read(key)).body.toString();
}

/** The manifests of every key that is done, in input order: of what was made, and of what was up to date. */
async function* ofRun(place: string, open: OpenStore): AsyncGenerator<Found> {
  const folder = await findRun(place, undefined, open);
  const job = await readJob(open(folder.bucket), folder);
  const { recipe, source, destination } = job;
  if (recipe.manifest === undefined)
    throw new UsageError(
      `expected a run whose recipe has a manifest, as web has, got one of ${job.preset ?? 'a recipe'} without`,
    );
  const store = open(destination.bucket);
  for await (const batch of lines(await open(folder.bucket).open(folder.prefix + ITEMS_JSONL))) {
    for (const line of batch) {
      const row = JSON.parse(line) as ItemRow;
      if (row.status !== 'succeeded' && !(row.status === 'skipped' && row.reason === 'upToDate')) continue;
      const key = staticOutputKeys(recipe, row.key.slice(source.prefix.length)).at(-1)?.key;
      if (key === undefined) continue;
      const { body } = await store.read(destination.prefix + key);
      const below = posix.dirname(key);
      yield { manifest: parsed(body.toString(), nameOf(destination, key)), folder: below === '.' ? '' : below };
    }
  }
}

function nameOf(destination: Location, key: string): string {
  return isDirectory(destination) ? key : `s3://${destination.bucket}/${destination.prefix}${key}`;
}

function parsed(body: string, name: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new UsageError(`expected the manifest of an image in ${name}, got no JSON`);
  }
  const found = manifestSchema.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new UsageError(`expected the manifest of an image in ${name}: ${issue?.path.join('.')}: ${issue?.message}`);
}
