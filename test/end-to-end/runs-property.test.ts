// Runs as they go wrong: killed at any write, carried on by two at once, over lists that name keys twice, sources that change, and other people's recipes and files.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { directoryPath } from '../../lambda/contract/location.ts';
import { transform } from '../../lambda/image/transform.ts';
import { createPrepare, preparedState } from '../../lambda/prepare/prepare.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { readJob } from '../../lambda/report/run-folder.ts';
import { exitCodeOf } from '../../lambda/report/status.ts';
import type { Summary } from '../../lambda/report/summary.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';
import { execute } from '../../lib/cli/execute.ts';
import type { Json } from '../../lib/states-language.ts';
import { type Kind, makePlaces, type Places } from '../helpers/places.ts';

const RUNS = Number(process.env['RUNS'] ?? 25);
const SEED = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

/** Most outputs of a key. */
const MOST_OUTPUTS = 13;
/** `d.jpg` has the output keys of `d.png`: two sources at one output key. */
const KEYS = ['a.png', 'b.png', 'c.png', 'd.png', 'd.jpg', 'e.png', 'f.png'];
const FIRST = KEYS.slice(0, 4);
const MINE = 10;
const OTHERS = 30;

const outputOf = (key: string, n: number): string => `${key.slice(0, -4)}-o${n}.png`;
const recipeOf = (outputs: number, width: number) => ({
  outputs: Array.from({ length: outputs }, (_, n) => ({
    name: `o${n}`,
    key: `{dir}{name}-o${n}.png`,
    format: 'png',
    resize: { width: width + n },
  })),
});

const versions = new Map<number, Promise<Buffer>>();
function image(version: number): Promise<Buffer> {
  const known = versions.get(version);
  if (known !== undefined) return known;
  const background = { r: (version * 37) % 256, g: 90, b: version % 256 };
  const made = sharp({ create: { width: 48, height: 30, channels: 3, background } })
    .png()
    .toBuffer();
  versions.set(version, made);
  return made;
}

/** What sharp alone makes of a version, as text: size and pixels. */
async function looks(png: Buffer, width?: number): Promise<string> {
  const resized = width === undefined ? sharp(png) : sharp(png).resize({ width });
  const { data, info } = await resized.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return `${info.width} x ${info.height}: ${data.subarray(0, 3).join(' ')}`;
}

type Reader = 'LIST' | 'CSV' | 'JSONL' | 'S3_INVENTORY';

const change = fc.record({ key: fc.constantFrom(...KEYS), what: fc.constantFrom('replace', 'remove', 'add') });
const attempt = fc.record({
  /** Another recipe over the same outputs: a run of its own, carried on like ours. */
  whose: fc.constantFrom('mine', 'mine', 'other'),
  /** After so many writes the process is gone. */
  writes: fc.nat({ max: 45 }),
  changes: fc.array(change, { maxLength: 3 }),
  /** Who comes meanwhile, after so many milliseconds: somebody who carries the same run on, or runs the other recipe. */
  second: fc.option(fc.record({ whose: fc.constantFrom('same', 'other'), after: fc.nat({ max: 30 }) })),
});
const plan = fc.record({
  /** In directories each record is there at once; over S3 they come in parts, so that a kill loses those of seconds. */
  kind: fc.constantFrom<Kind>('directories', 'S3'),
  reader: fc.constantFrom<Reader>('LIST', 'CSV', 'JSONL', 'S3_INVENTORY'),
  /** Rows of a list: a key, and for an inventory whether the row is an old version or a delete marker. */
  rows: fc.array(fc.record({ key: fc.constantFrom(...KEYS), row: fc.constantFrom('current', 'old', 'deleted') }), {
    minLength: 1,
    maxLength: 10,
  }),
  outputs: fc.integer({ min: 1, max: MOST_OUTPUTS }),
  batch: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  tolerated: fc.oneof(
    fc.record({ toleratedFailureCount: fc.constantFrom(0, 1, 2, 1000) }),
    fc.record({ toleratedFailurePercentage: fc.constantFrom(0, 20, 50, 99) }),
  ),
  /** Output keys that hold somebody else's files from the start. */
  foreign: fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), n: fc.nat({ max: MOST_OUTPUTS - 1 }) }), {
    maxLength: 3,
    selector: ({ key, n }) => outputOf(key, n),
  }),
  attempts: fc.array(attempt, { maxLength: 5 }),
});

/** As a process that is killed leaves it: after so many writes, none takes place, and nothing is read any more. */
function killedAfter(open: OpenStore, writes: number): OpenStore {
  let left = writes;
  const dead = () => left < 0;
  const guard = <A extends unknown[], T>(method: (...args: A) => Promise<T>, writing: boolean) => {
    return async (...args: A): Promise<T> => {
      if (writing) left -= 1;
      if (dead()) throw new Error('killed');
      return await method(...args);
    };
  };
  return (bucket) => {
    const store = open(bucket);
    const guarded: Record<string, unknown> = { ...store };
    for (const name of ['read', 'open', 'head', 'write', 'save', 'invalidate'] as const) {
      const method = (store as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>)[name];
      if (method !== undefined) guarded[name] = guard(method.bind(store), !['read', 'open', 'head'].includes(name));
    }
    return guarded as unknown as Store;
  };
}

interface Options {
  readonly id: string;
  readonly job?: Record<string, unknown>;
  readonly open?: OpenStore;
}

/** Starts a run, or without a job carries it on, as the command line does. */
function go(places: Places, { id, job, open = places.open }: Options) {
  const { source, destination } = places;
  const folder = folderOf(places, id);
  const running = execute({
    run: id,
    input: (job ?? {}) as Json,
    open,
    prepare:
      job === undefined
        ? async () => preparedState(await readJob(open(folder.bucket), folder))
        : createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } }),
    process: createProcess({ open, transform }),
    ...(job === undefined ? { continue: {} } : {}),
    doneBefore: 0,
    onPrepareFailed: () => {},
    onThresholdExceeded: () => {},
    onFailure: () => {},
  });
  return running.ended;
}

function folderOf({ destination }: Places, id: string) {
  return { bucket: destination.bucket, prefix: `${destination.prefix}.image-fanout/runs/${id}/` };
}

interface Item {
  readonly index: number;
  readonly key: string;
  readonly status: 'succeeded' | 'skipped' | 'failed' | 'pending';
  readonly reason?: string;
  readonly error?: string;
  readonly message?: string;
  readonly source?: { readonly etag: string };
}

async function itemsOf(places: Places, id: string): Promise<Item[]> {
  const folder = folderOf(places, id);
  const { body } = await places.open(folder.bucket).read(`${folder.prefix}items.jsonl`);
  const lines = body
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Item);
}

interface Tolerated {
  readonly toleratedFailureCount?: number;
  readonly toleratedFailurePercentage?: number;
}

/** The status and the exit code are those of the counts and the tolerance; a batch counts whole. */
function checkEnd({ counts, status }: Summary, tolerated: Tolerated, batch: number): void {
  const code = exitCodeOf({ status });
  const { total, failed, pending } = counts;
  const most = tolerated.toleratedFailureCount ?? Number.POSITIVE_INFINITY;
  const share = ((tolerated.toleratedFailurePercentage ?? 100) / 100) * total;
  if (failed === 0) expect({ status, code, pending }).toEqual({ status: 'succeeded', code: 0, pending: 0 });
  else if (status === 'succeededWithFailures') {
    expect({ code, pending }).toEqual({ code: 3, pending: 0 });
    expect(failed).toBeLessThanOrEqual(Math.min(most, share));
  } else {
    expect({ status, code }).toEqual({ status: 'stoppedByFailures', code: 2 });
    expect(failed * batch > most || failed * batch > share).toBe(true);
  }
}

test('each listed item stands once, and each output is what sharp makes of the source that the account names', async () => {
  await fc.assert(
    fc.asyncProperty(
      plan,
      async ({ kind, reader, rows, outputs, batch, concurrency, tolerated, foreign, attempts }) => {
        const places = await makePlaces(kind);
        try {
          const { prefix } = places.source;
          const source = places.open(places.source.bucket);
          const destination = places.open(places.destination.bucket);
          let version = 0;
          /** Of each key and ETag, the bytes. */
          const bodies = new Map<string, Buffer>();
          /** Every version of a key that ever was. */
          const ever = new Map<string, Buffer[]>();
          const put = async (key: string) => {
            version += 1;
            const body = await image(version);
            const written = await source.write(`${prefix}${key}`, body);
            bodies.set(`${prefix}${key} ${written?.etag}`, body);
            ever.set(key, [...(ever.get(key) ?? []), body]);
          };
          for (const key of FIRST) await put(key);
          const theirs = new Map<string, Buffer>([['foreign.txt', Buffer.from('not ours')]]);
          for (const { key, n } of foreign)
            if (n < outputs) theirs.set(outputOf(key, n), Buffer.from(`theirs: ${key} ${n}`));
          for (const [key, body] of theirs) await destination.write(places.destination.prefix + key, body);

          const manifest =
            reader === 'CSV' ? 'list.csv' : reader === 'JSONL' ? 'list.jsonl' : 'inventory/manifest.json';
          // What a list says of its keys was true when it was made.
          const etags = new Map<string, string>();
          for (const { key } of rows) etags.set(key, (await source.head(prefix + key))?.etag ?? '');
          const uri =
            kind === 'S3'
              ? `s3://${places.destination.bucket}/lists/${manifest}`
              : join(directoryPath(places.destination), 'lists', manifest);
          if (reader === 'JSONL') {
            const lines = rows.map(({ key }) => `${JSON.stringify({ key: prefix + key })}\n`).join('');
            await destination.write('lists/list.jsonl', Buffer.from(lines));
          } else if (reader === 'CSV') {
            const lines = rows.map(({ key }) => `${prefix}${key},${etags.get(key)}\n`);
            await destination.write('lists/list.csv', Buffer.from(`key,ETag\n${lines.join('')}`));
          } else if (reader === 'S3_INVENTORY') {
            const csv = rows.map(
              ({ key, row }) =>
                `"${places.source.bucket}","${encodeURIComponent(prefix + key)}","${row}","${row === 'current'}","${row === 'deleted'}","${etags.get(key)}"\n`,
            );
            await destination.write('lists/inventory/rows.csv.gz', gzipSync(csv.join('')));
            const document = {
              ...{
                sourceBucket: places.source.bucket,
                destinationBucket: (kind === 'S3' ? 'arn:aws:s3:::' : '') + places.destination.bucket,
              },
              ...{
                version: '2016-11-30',
                fileFormat: 'CSV',
                fileSchema: 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, ETag',
              },
              files: [{ key: 'lists/inventory/rows.csv.gz', size: 1, MD5checksum: '' }],
            };
            await destination.write('lists/inventory/manifest.json', Buffer.from(JSON.stringify(document)));
          }

          const job = {
            ...(reader === 'LIST' ? {} : { manifest: uri }),
            ...{ recipe: recipeOf(outputs, MINE), maxConcurrency: concurrency, itemsPerInvocation: batch },
            ...tolerated,
          };
          const otherJob = { ...job, recipe: recipeOf(outputs, OTHERS) };
          // The run that is carried on once its job is on record: ours, and that of the other recipe.
          const current = { mine: undefined as string | undefined, other: undefined as string | undefined };
          let tries = 0;
          const begin = (whose: 'mine' | 'other', open?: OpenStore) => {
            const known = current[whose];
            const id = known ?? `${whose}-${tries++}`;
            const fresh = whose === 'mine' ? job : otherJob;
            const ended = go(places, { id, ...(known === undefined ? { job: fresh } : {}), ...(open && { open }) });
            return ended
              .catch(() => undefined)
              .then(async () => {
                const { bucket, prefix: at } = folderOf(places, id);
                if ((await places.open(bucket).head(`${at}job.json`)) !== undefined) current[whose] ??= id;
              });
          };
          const listing: string[] = [];
          for await (const page of source.list(prefix)) listing.push(...page.map(({ key }) => key));
          for (const { whose, writes, changes, second } of attempts) {
            const first = begin(whose, killedAfter(places.open, writes));
            if (second !== null) {
              await sleep(second.after);
              await begin(second.whose === 'same' ? whose : 'other');
            }
            await first;
            for (const { key, what } of changes) {
              if (what === 'remove') await places.removeSource(key);
              else if (what === 'add' || (await source.head(prefix + key)) !== undefined) await put(key);
            }
          }
          const there = async () => {
            let any = false;
            for await (const page of source.list(prefix)) any ||= page.length > 0;
            return any || reader !== 'LIST';
          };
          if (current.mine === undefined && !(await there())) return;

          const mine = current.mine ?? 'mine-last';
          const ended = await go(places, { id: mine, ...(current.mine === undefined ? { job } : {}) });
          if (!('summary' in ended)) throw new Error(`${ended.error}: ${ended.cause}`);
          const { check } = ended.summary;
          expect(check).toMatchObject({ balanced: true, problems: [] });
          checkEnd(ended.summary, tolerated, batch);
          const items = await itemsOf(places, mine);
          expect(items.map(({ index }) => index)).toEqual(items.map((_, index) => index));
          if (reader !== 'LIST') expect(items.map(({ key }) => key)).toEqual(rows.map(({ key }) => prefix + key));
          else if (!attempts.some(({ changes }) => changes.length > 0))
            expect(items.map(({ key }) => key)).toEqual(listing);
          else expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
          for (const [index, { status: state, reason, error, message }] of items.entries()) {
            if (state === 'pending') continue;
            const old = reader === 'S3_INVENTORY' && rows[index]?.row !== 'current';
            if (old) expect({ state, reason }).toEqual({ state: 'skipped', reason: 'notCurrent' });
            else expect(reason).not.toBe('notCurrent');
            if (state === 'failed')
              expect(['SourceNotFound', 'OutputExists', 'OutputCollision'], message).toContain(error);
          }
          const found = await places.outputs();
          // As long as nobody else was at the outputs, each is of a version that the account names.
          const alone = attempts.every(({ whose, second }) => whose === 'mine' && second?.whose !== 'other');
          if (alone) {
            for (const key of KEYS) {
              const named = items.filter((item) => item.key === prefix + key && item.status === 'succeeded');
              const skipped = items.some((item) => item.key === prefix + key && item.reason === 'upToDate');
              const sources = named.map(({ source: facts }) => bodies.get(`${prefix}${key} ${facts?.etag}`));
              if (sources.some((body) => body === undefined))
                throw new Error(`${key}: made of a source that never was`);
              const may = skipped ? [...(ever.get(key) ?? [])] : (sources as Buffer[]);
              if (may.length > 0) await checkOutputs(found, key, outputs, may);
            }
          }

          // What a run of the same job has to say now is true of the sources as they are now.
          if (await there()) {
            const again = await go(places, { id: 'again', job: { ...job, ...NONE_STOPS } });
            if (!('summary' in again)) throw new Error(`${again.error}: ${again.cause}`);
            const now = await places.outputs();
            for (const { key, status: state, reason, source: facts } of await itemsOf(places, 'again')) {
              if (state !== 'succeeded' && reason !== 'upToDate') continue;
              const { body, etag } = await source.read(key);
              if (state === 'succeeded') expect(facts?.etag).toBe(etag);
              await checkOutputs(now, key.slice(prefix.length), outputs, [body]);
            }
          }
          for (const [key, body] of theirs)
            expect((await destination.read(places.destination.prefix + key)).body, key).toEqual(body);
        } finally {
          await places.close();
        }
      },
    ),
    { numRuns: RUNS, ...SEED },
  );
}, 550_000);

const NONE_STOPS = { toleratedFailureCount: 1000, toleratedFailurePercentage: 100 };

/** All outputs of a key are what sharp makes of one of these. */
async function checkOutputs(
  found: ReadonlyMap<string, Buffer>,
  key: string,
  outputs: number,
  may: readonly Buffer[],
): Promise<void> {
  const is = await Promise.all(
    Array.from({ length: outputs }, async (_, n) => {
      const output = found.get(outputOf(key, n));
      return output === undefined ? `output ${n} is missing` : await looks(output);
    }),
  );
  const right = await Promise.all(
    may.map((body) => Promise.all(Array.from({ length: outputs }, (_, n) => looks(body, MINE + n)))),
  );
  if (!right.some((all) => all.join() === is.join())) expect({ key, outputs: is }).toEqual({ key, outputs: right[0] });
}
