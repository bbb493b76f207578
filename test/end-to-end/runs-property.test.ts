// Runs as they go wrong: killed at any write and carried on, over lists that name keys twice and sources that change meanwhile.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { directoryPath } from '../../lambda/contract/location.ts';
import { transform } from '../../lambda/image/transform.ts';
import { createPrepare, preparedState } from '../../lambda/prepare/prepare.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { readJob } from '../../lambda/report/run-folder.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';
import { execute } from '../../lib/cli/execute.ts';
import type { Json } from '../../lib/states-language.ts';
import { type Kind, makePlaces, type Places } from '../helpers/places.ts';

const RUNS = Number(process.env['RUNS'] ?? 25);
const SEED = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

/** Most outputs of a key. */
const MOST_OUTPUTS = 13;
const names = ['a', 'b', 'c', 'd', 'e', 'f'];

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
  const made = sharp({ create: { width: 40, height: 30, channels: 3, background } })
    .png()
    .toBuffer();
  versions.set(version, made);
  return made;
}

type Reader = 'LIST' | 'JSONL' | 'S3_INVENTORY';

const change = fc.record({ key: fc.constantFrom(...names), what: fc.constantFrom('replace', 'remove', 'add') });
const plan = fc.record({
  /** In directories each record is there at once; over S3 they come in parts, so that a kill loses those of seconds. */
  kind: fc.constantFrom<Kind>('directories', 'S3'),
  reader: fc.constantFrom<Reader>('LIST', 'JSONL', 'S3_INVENTORY'),
  /** Rows of a list: a key, and for an inventory whether the row is an old version or a delete marker. */
  rows: fc.array(fc.record({ key: fc.constantFrom(...names), row: fc.constantFrom('current', 'old', 'deleted') }), {
    minLength: 1,
    maxLength: 10,
  }),
  outputs: fc.integer({ min: 1, max: MOST_OUTPUTS }),
  batch: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  attempts: fc.array(
    fc.record({ writes: fc.nat({ max: 45 }), changes: fc.array(change, { maxLength: 3 }), second: fc.boolean() }),
    { maxLength: 4 },
  ),
  /** Whether another recipe goes over the same outputs before the last attempt. */
  otherRecipe: fc.boolean(),
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
async function go(places: Places, { id, job, open = places.open }: Options) {
  const { source, destination } = places;
  const folder = { bucket: destination.bucket, prefix: `${destination.prefix}.image-fanout/runs/${id}/` };
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
  return { running, folder };
}

async function itemsOf(places: Places, folder: { bucket: string; prefix: string }) {
  const { body } = await places.open(folder.bucket).read(`${folder.prefix}items.jsonl`);
  const lines = body
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  return lines.map(
    (line) =>
      JSON.parse(line) as {
        index: number;
        key: string;
        status: string;
        reason?: string;
        error?: string;
        source?: { etag: string };
      },
  );
}

test('each listed item stands once, and each output is what sharp makes of the source that the account names', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ kind, reader, rows, outputs, batch, concurrency, attempts, otherRecipe }) => {
      const places = await makePlaces(kind);
      try {
        const store = places.open(places.source.bucket);
        const prefix = places.source.prefix;
        let version = 0;
        const put = async (key: string) => {
          version += 1;
          const body = await image(version);
          await store.write(`${prefix}${key}.png`, body);
        };
        for (const name of names.slice(0, 4)) await put(name);
        const foreign = Buffer.from('not ours');
        const destination = places.open(places.destination.bucket);
        await destination.write(`${places.destination.prefix}foreign.txt`, foreign);

        const lists = places.open(places.destination.bucket);
        const manifest = reader === 'JSONL' ? 'list.jsonl' : 'inventory/manifest.json';
        const uri =
          kind === 'S3'
            ? `s3://${places.destination.bucket}/lists/${manifest}`
            : join(directoryPath(places.destination), 'lists', manifest);
        if (reader === 'JSONL') {
          const lines = rows.map(({ key }) => `${JSON.stringify({ key: `${prefix}${key}.png` })}\n`).join('');
          await lists.write('lists/list.jsonl', Buffer.from(lines));
        } else if (reader === 'S3_INVENTORY') {
          const csv = rows.map(
            ({ key, row }) =>
              `"${places.source.bucket}","${encodeURIComponent(`${prefix}${key}.png`)}","${row}","${row === 'current'}","${row === 'deleted'}"\n`,
          );
          await lists.write('lists/inventory/rows.csv.gz', gzipSync(csv.join('')));
          const document = {
            ...{
              sourceBucket: places.source.bucket,
              destinationBucket: (kind === 'S3' ? 'arn:aws:s3:::' : '') + places.destination.bucket,
            },
            ...{
              version: '2016-11-30',
              fileFormat: 'CSV',
              fileSchema: 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker',
            },
            files: [{ key: 'lists/inventory/rows.csv.gz', size: 1, MD5checksum: '' }],
          };
          await lists.write('lists/inventory/manifest.json', Buffer.from(JSON.stringify(document)));
        }

        const job = {
          ...(reader === 'LIST' ? {} : { manifest: uri }),
          ...{ recipe: recipeOf(outputs, 10), maxConcurrency: concurrency, itemsPerInvocation: batch },
          toleratedFailureCount: 1000,
        };
        let id = 'run-0';
        let began = false;
        for (const [at, { writes, changes, second }] of attempts.entries()) {
          const open = killedAfter(places.open, writes);
          const { running, folder } = await go(places, began ? { id, open } : { id: `run-${at}`, job, open });
          if (!began) id = `run-${at}`;
          const other = began && second ? (await go(places, { id })).running.ended.catch(() => undefined) : undefined;
          await running.ended.catch(() => undefined);
          await other;
          began = (await lists.head(`${folder.prefix}job.json`)) !== undefined;
          for (const { key, what } of changes) {
            if (what === 'remove') await places.removeSource(`${key}.png`);
            else if (what === 'add' || (await store.head(`${prefix}${key}.png`)) !== undefined) await put(key);
          }
        }
        if (otherRecipe) {
          const { running } = await go(places, { id: 'other', job: { ...job, recipe: recipeOf(outputs, 20) } });
          await running.ended.catch(() => undefined);
        }
        const listing: string[] = [];
        for await (const page of store.list(prefix)) listing.push(...page.map(({ key }) => key));
        if (reader === 'LIST' && listing.length === 0 && !began) return;

        const last = await go(places, began ? { id } : { id: 'run-last', job });
        const ended = await last.running.ended;
        if (!('summary' in ended)) throw new Error(`${ended.error}: ${ended.cause}`);
        const { counts, check, status } = ended.summary;
        expect(check).toMatchObject({ balanced: true, problems: [] });
        const items = await itemsOf(places, last.folder);
        expect(items.map(({ index }) => index)).toEqual(items.map((_, index) => index));
        if (reader !== 'LIST')
          expect(items.map(({ key }) => key)).toEqual(rows.map(({ key }) => `${prefix}${key}.png`));
        else if (!attempts.some(({ changes }) => changes.length > 0))
          expect(items.map(({ key }) => key)).toEqual(listing);
        expect(counts.pending).toBe(0);
        expect(status).toBe(counts.failed > 0 ? 'succeededWithFailures' : 'succeeded');
        for (const [index, { status: state, reason, error }] of items.entries()) {
          const old = reader === 'S3_INVENTORY' && rows[index]?.row !== 'current';
          if (old) expect({ state, reason }).toEqual({ state: 'skipped', reason: 'notCurrent' });
          else expect(reason).not.toBe('notCurrent');
          if (state === 'failed') expect(error).toBe('SourceNotFound');
        }
        expect((await destination.read(`${places.destination.prefix}foreign.txt`)).body).toEqual(foreign);

        // What a run of the same job has to say now is true of the sources as they are now.
        if (reader === 'LIST' && listing.length === 0) return;
        const again = await go(places, { id: 'again', job });
        const now = await again.running.ended;
        if (!('summary' in now)) throw new Error(`${now.error}: ${now.cause}`);
        const found = await places.outputs();
        for (const { key, status: state, reason } of await itemsOf(places, again.folder)) {
          if (state !== 'succeeded' && reason !== 'upToDate') continue;
          const { body } = await store.read(key);
          for (let n = 0; n < outputs; n += 1) {
            const output = found.get(`${key.slice(prefix.length, -4)}-o${n}.png`);
            if (output === undefined) throw new Error(`${key}: output ${n} is missing, and is ${state}`);
            const pixels = await sharp(output).raw().toBuffer({ resolveWithObject: true });
            const right = await sharp(body)
              .resize({ width: 10 + n })
              .raw()
              .toBuffer({ resolveWithObject: true });
            expect([pixels.info.width, pixels.info.height]).toEqual([right.info.width, right.info.height]);
            expect([...pixels.data.subarray(0, 3)]).toEqual([...right.data.subarray(0, 3)]);
          }
        }
      } finally {
        await places.close();
      }
    }),
    { numRuns: RUNS, ...SEED },
  );
}, 550_000);
