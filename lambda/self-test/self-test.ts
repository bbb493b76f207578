// The self-test of a deployment: generated images through every reader, a failure, a redrive and the word of each end, by the
// deployed functions under their own roles; checked, and cleaned up.
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { OWN_FOLDER, RESULT_FOLDERS } from '../contract/environment.ts';
import { formatLocation, type Location, parseLocation } from '../contract/location.ts';
import { together } from '../contract/together.ts';
import { TOLD_FILE } from '../job/prepared.ts';
import { picture } from './picture.ts';

/** What it needs of S3. */
export interface Objects {
  put(bucket: string, key: string, body: Uint8Array): Promise<void>;
  /** Undefined where there is none. */
  get(bucket: string, key: string): Promise<Buffer | undefined>;
  /** All keys that begin so. */
  keys(place: Location): Promise<readonly string[]>;
  remove(bucket: string, keys: readonly string[]): Promise<void>;
}

/** How an execution has ended. */
export interface Ended {
  readonly status: string;
  readonly output?: string | undefined;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** What it needs of Step Functions. */
export interface Machine {
  start(name: string, input: string): Promise<void>;
  /** Undefined while it runs. */
  look(name: string): Promise<Ended | undefined>;
  redrive(name: string): Promise<void>;
}

export interface SelfTestOptions {
  /** The deployment's places. */
  readonly source: Location;
  readonly destination: Location;
  readonly results: Location;
  readonly objects: Objects;
  readonly machine: Machine;
  /** In the names of its runs: 1 to 40 letters, digits, `-` or `_`. */
  readonly id: string;
  /** Told of each thing as soon as it is known. */
  readonly onProof?: (proof: Proof) => void;
  /** Longest wait for a run or for the word of its end, in milliseconds. Default: ten minutes. */
  readonly patience?: number;
  /** Milliseconds between looks. Default: 1000. */
  readonly pollMilliseconds?: number;
}

export interface Proof {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface SelfTest {
  readonly id: string;
  readonly ok: boolean;
  readonly proofs: readonly Proof[];
  readonly notProven: readonly string[];
}

/** What all its runs are called by, and its folders below OWN_FOLDER. */
export const SELF_TEST = 'self-test';
const IMAGES = 4;

/** What this cannot show. */
const NOT_PROVEN = [
  'the reader of a whole bucket, which would read all of it',
  'the large image function: no image ran out of memory',
  'that messages reach who has subscribed: the topic has taken them',
];

/**
 * Runs it. What fails is a proof that is not ok; only what keeps it from cleaning up is thrown. It writes below
 * `.image-fanout/self-test/` of source and destination and of the results' manifests, and removes that and its runs' folders.
 */
export async function selfTest(options: SelfTestOptions): Promise<SelfTest> {
  const { id, objects, onProof = () => {} } = options;
  const proofs: Proof[] = [];
  const prove = async (what: string, look: () => Promise<string>): Promise<boolean> => {
    const proof = await look().then(
      (detail) => ({ what, ok: true, detail }),
      (error: Error) => ({ what, ok: false, detail: `${error.name}: ${error.message}` }),
    );
    proofs.push(proof);
    onProof(proof);
    return proof.ok;
  };
  const places = placesOf(options);
  try {
    if (await prove('writing of generated images', () => writeImages(places, objects))) {
      const runs = jobsOf(places);
      await together(runs, ({ name, reader, job }) => prove(reader, () => proveRun(options, name, job)));
      await proveFailure(options, places, prove);
    }
  } finally {
    await prove('cleaning up', () => cleanUp(places, objects));
  }
  return { id, ok: proofs.every(({ ok }) => ok), proofs, notProven: NOT_PROVEN };
}

interface Places {
  readonly id: string;
  readonly images: Location;
  readonly bad: Location;
  readonly outputs: Location;
  readonly manifests: Location;
  /** All runs' folders begin so. */
  readonly runs: Location;
}

function placesOf({ source, destination, results, id }: SelfTestOptions): Places {
  const below = (place: Location, folder: string) => ({ bucket: place.bucket, prefix: place.prefix + folder });
  const own = `${OWN_FOLDER}${SELF_TEST}/${id}/`;
  return {
    id,
    images: below(source, `${own}good/`),
    bad: below(source, `${own}bad/`),
    outputs: below(destination, own),
    manifests: below(results, `${RESULT_FOLDERS.manifests}${SELF_TEST}/${id}/`),
    runs: below(results, `${RESULT_FOLDERS.runs}${SELF_TEST}-${id}-`),
  };
}

const keysOf = ({ prefix }: Location): string[] => Array.from({ length: IMAGES }, (_, at) => `${prefix}${at}.png`);

async function writeImages({ images, bad, manifests }: Places, objects: Objects): Promise<string> {
  const keys = keysOf(images);
  const csv = `key\n${keys.join('\n')}\n`;
  const inventory = keys.map((key) => `"${images.bucket}","${encodeURIComponent(key)}","1"\n`).join('');
  const data = `${manifests.prefix}inventory/data.csv.gz`;
  const manifest = {
    sourceBucket: images.bucket,
    destinationBucket: `arn:aws:s3:::${manifests.bucket}`,
    version: '2016-11-30',
    fileFormat: 'CSV',
    fileSchema: 'Bucket, Key, Size',
    files: [{ key: data, size: inventory.length, MD5checksum: '' }],
  };
  const written: readonly (readonly [string, string, Uint8Array])[] = [
    ...keys.map((key, at) => [images.bucket, key, picture(at)] as const),
    ...keysOf(bad).map((key, at) => [bad.bucket, key, at === 0 ? BROKEN : picture(at)] as const),
    ...Object.entries({
      'list.csv': csv,
      'list.json': JSON.stringify(keys),
      'list.jsonl': keys.map((key) => `${JSON.stringify({ key })}\n`).join(''),
      'inventory/manifest.json': JSON.stringify(manifest),
    }).map(([name, text]) => [manifests.bucket, manifests.prefix + name, Buffer.from(text)] as const),
    [manifests.bucket, data, gzipSync(inventory)],
  ];
  await together(written, ([bucket, key, body]) => objects.put(bucket, key, body));
  return `${2 * IMAGES} images, one of them broken, and 4 manifests`;
}

/** A PNG that ends in the middle. */
const BROKEN = picture(9).subarray(0, 60);

interface SelfTestRun {
  readonly name: string;
  readonly reader: string;
  readonly job: Readonly<Record<string, unknown>>;
}

function jobsOf({ id, images, outputs, manifests }: Places): SelfTestRun[] {
  const at = formatLocation(manifests);
  const jobs: Readonly<Record<string, readonly [string, object]>> = {
    listed: ['a listing', {}],
    csv: ['a CSV manifest', { manifest: `${at}list.csv` }],
    json: ['a JSON manifest', { manifest: `${at}list.json` }],
    jsonl: ['a JSON Lines manifest', { manifest: `${at}list.jsonl` }],
    inventory: ['an S3 Inventory', { manifest: `${at}inventory/manifest.json` }],
    keys: ['keys in the job', { keys: keysOf(images) }],
  };
  return Object.entries(jobs).map(([name, [reader, more]]) => ({
    name: `${SELF_TEST}-${id}-${name}`,
    reader,
    job: { ...jobOf(images, outputs, name), ...more },
  }));
}

function jobOf(from: Location, outputs: Location, name: string): Readonly<Record<string, unknown>> {
  const to = { bucket: outputs.bucket, prefix: `${outputs.prefix}${name}/` };
  return { source: formatLocation(from), destination: formatLocation(to), recipe: 'thumbnail' };
}

/** A run of the good images: all succeed, the account adds up, the outputs are there, its end is told. */
async function proveRun(options: SelfTestOptions, name: string, job: SelfTestRun['job']): Promise<string> {
  const started = Date.now();
  await options.machine.start(name, JSON.stringify(job));
  const ended = await endOf(options, name);
  if (ended.status !== 'SUCCEEDED') throw new Error(`${name} ended ${ended.status}: ${ended.error}: ${ended.cause}`);
  await proveDone(options, ended, job, name);
  const told = await wordOf(options, name, started);
  return `${IMAGES} of ${IMAGES} images, accounted for; ${told}`;
}

async function proveDone(
  { objects }: SelfTestOptions,
  { output = '' }: Ended,
  job: SelfTestRun['job'],
  name: string,
): Promise<void> {
  const { counts, balanced } = JSON.parse(output) as { counts: Record<string, number>; balanced: boolean };
  const all = counts['total'] === IMAGES && counts['failed'] === 0 && counts['pending'] === 0;
  if (!all || !balanced) throw new Error(`expected ${IMAGES} images done in ${name}, got ${output}`);
  const outputs = await objects.keys(parseLocation(String(job['destination'])));
  if (outputs.length !== IMAGES)
    throw new Error(`expected ${IMAGES} outputs of ${name}, got ${outputs.join(', ') || 'none'}`);
}

/** A broken image stops a run that tolerates none; mended, a redrive does what is left. */
async function proveFailure(
  options: SelfTestOptions,
  { id, bad, outputs }: Places,
  prove: (what: string, look: () => Promise<string>) => Promise<boolean>,
): Promise<void> {
  const name = `${SELF_TEST}-${id}-failure`;
  const job = { ...jobOf(bad, outputs, 'failure'), maxConcurrency: 1 };
  const started = Date.now();
  const failed = await prove('a failure', async () => {
    await options.machine.start(name, JSON.stringify(job));
    const { status, error, cause } = await endOf(options, name);
    if (error !== 'States.ExceedToleratedFailureThreshold')
      throw new Error(`expected the broken image to stop ${name}, it ended ${status}: ${error}: ${cause}`);
    return `stopped by the broken image, and accounted for; ${await wordOf(options, name, started)}`;
  });
  if (!failed) return;
  await prove('a redrive', async () => {
    const [first = ''] = keysOf(bad);
    await options.objects.put(bad.bucket, first, picture(0));
    const redriven = Date.now();
    await options.machine.redrive(name);
    const ended = await endOf(options, name);
    if (ended.status !== 'SUCCEEDED') throw new Error(`${name} ended ${ended.status}: ${ended.error}: ${ended.cause}`);
    await proveDone(options, ended, job, name);
    return `the mended image and the rest are done; ${await wordOf(options, name, redriven)}`;
  });
}

async function until<T>(
  { patience = 600_000, pollMilliseconds = 1000 }: SelfTestOptions,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const latest = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > latest) throw new Error(`expected ${what} within ${patience / 1000} s, got none`);
    await sleep(pollMilliseconds);
  }
}

async function endOf(options: SelfTestOptions, name: string): Promise<Ended> {
  return await until(options, `an end of ${name}`, () => options.machine.look(name));
}

/** Waits until the function that tells of ends has noted that the topic took the message. */
async function wordOf(options: SelfTestOptions, name: string, since: number): Promise<string> {
  const { results, objects } = options;
  const key = `${results.prefix}${RESULT_FOLDERS.runs}${name}/${TOLD_FILE}`;
  const { messageId } = await until(options, `the word of the end of ${name}, ${key}`, async () => {
    const body = await objects.get(results.bucket, key);
    if (body === undefined) return undefined;
    const told = JSON.parse(body.toString()) as { at: string; messageId: string };
    return Date.parse(told.at) >= since ? told : undefined;
  });
  return `told as ${messageId}`;
}

async function cleanUp({ images, bad, outputs, manifests, runs }: Places, objects: Objects): Promise<string> {
  let removed = 0;
  for (const place of [images, bad, outputs, manifests, runs]) {
    const keys = await objects.keys(place);
    await objects.remove(place.bucket, keys);
    removed += keys.length;
  }
  return `${removed} objects removed`;
}
