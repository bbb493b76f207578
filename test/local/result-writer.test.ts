// Result files beyond the directory's JSONL: parts on S3, JSON arrays, the other transformations, splitting, and writing that fails.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openStores, type Stores } from '../../lambda/store/open.ts';
import type { Store } from '../../lambda/store/store.ts';
import { appendingSink, arraySink, partsSink } from '../../lib/local/result-files.ts';
import type { Manifest } from '../../lib/local/result-writer.ts';
import type { Json, ResultWriter } from '../../lib/states-language.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { mapDefinition, named, RESULTS, start, temporaryPlace } from './helpers/map.ts';

let server: S3Server;
let stores: Stores;

beforeAll(async () => {
  server = await startS3Server(['results']);
  Object.assign(process.env, server.env);
  stores = openStores();
});

afterAll(async () => {
  await stores.close();
  await server.stop();
});

const writerTo = (
  Bucket: string,
  WriterConfig?: ResultWriter['WriterConfig'],
): { readonly ResultWriter: ResultWriter } => ({
  ResultWriter: {
    Resource: 'arn:aws:states:::s3:putObject',
    Parameters: { Bucket, Prefix: 'runs/one' },
    ...(WriterConfig && { WriterConfig }),
  },
});

const text = async (Key: string) => {
  const { Body } = await server.client.send(new GetObjectCommand({ Bucket: 'results', Key }));
  return (await Body?.transformToString()) ?? '';
};

async function runOnS3(name: string, map: { readonly ResultWriter: ResultWriter }, outputs: readonly Json[]) {
  await using place = await temporaryPlace();
  const definition = mapDefinition({ ...map, ToleratedFailurePercentage: 100, MaxConcurrency: 1 });
  const { mapRun } = await start(
    place,
    definition,
    { items: outputs },
    async (input) => {
      if (input === 'fail') throw named('NotAnImage');
      return input;
    },
    { openStore: stores.open, name },
  ).result;
  const manifest = JSON.parse(await text(mapRun?.manifest?.key ?? '')) as Manifest;
  return { mapRun, manifest, files: manifest.ResultFiles };
}

describe('the result writer on S3', () => {
  it('writes whole objects, of the lengths that the manifest tells, and nothing that it does not name', async () => {
    const outputs = [...Array.from({ length: 50 }, (_, index) => `é-${index}`), 'fail'];
    const { files, mapRun } = await runOnS3('s3', writerTo('results', { OutputType: 'JSONL' }), outputs);
    const folder = mapRun?.manifest?.key.replace(/manifest\.json$/, '') ?? '';
    expect(folder).toMatch(/^runs\/one\/[0-9a-f-]{36}\/$/);
    const { Contents = [] } = await server.client.send(new ListObjectsV2Command({ Bucket: 'results', Prefix: folder }));
    const named = [...files.SUCCEEDED, ...files.FAILED, ...files.PENDING];
    expect(
      Contents.filter(({ Key }) => !/(manifest\.json|ITEMS_\d+\.jsonl\.zst)$/.test(Key ?? '')).map(({ Key, Size }) => ({
        Key,
        Size,
      })),
    ).toEqual(named.sort((a, b) => (a.Key < b.Key ? -1 : 1)));
    const lines = (await Promise.all(files.SUCCEEDED.map(({ Key }) => text(Key)))).join('').split('\n').slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { Output: string }).Output)).toEqual(
      outputs.slice(0, -1).map((output) => JSON.stringify(output)),
    );
  });

  const outputs: Json[] = [{ a: 1 }, [1, [2]], 'text', []];
  it.each([
    { transformation: 'COMPACT', expected: [{ a: 1 }, [1, [2]], 'text', []] },
    { transformation: 'FLATTEN', expected: [{ a: 1 }, 1, [2], 'text'] },
  ] as const)(
    'keeps of successes what $transformation says, and failures whole',
    async ({ transformation, expected }) => {
      for (const OutputType of ['JSON', 'JSONL'] as const) {
        const config = { Transformation: transformation, OutputType };
        const { files } = await runOnS3(`${transformation}-${OutputType}`, writerTo('results', config), [
          ...outputs,
          'fail',
        ]);
        const succeeded = await text(files.SUCCEEDED[0]?.Key ?? '');
        const parsed =
          OutputType === 'JSON'
            ? JSON.parse(succeeded)
            : succeeded
                .trim()
                .split('\n')
                .map((line) => JSON.parse(line));
        expect(parsed).toEqual(expected);
        expect(await text(files.FAILED[0]?.Key ?? '')).toContain('"Error":"NotAnImage"');
      }
    },
  );

  it('writes JSON arrays of whole records by default', async () => {
    const { files } = await runOnS3('default', writerTo('results'), [1, 2]);
    const [file] = files.SUCCEEDED;
    const content = await text(file?.Key ?? '');
    expect(file?.Key).toMatch(/SUCCEEDED_0\.json$/);
    expect(Buffer.byteLength(content)).toBe(file?.Size);
    expect((JSON.parse(content) as { Output: string }[]).map(({ Output }) => Output)).toEqual(['1', '2']);
  });

  it('continues from JSON files too, once they are whole', async () => {
    await using place = await temporaryPlace();
    const definition = mapDefinition({ ...writerTo('results'), MaxConcurrency: 1 });
    const ran: unknown[] = [];
    let bad: unknown = 'b';
    const run = (more: object) =>
      start(
        place,
        definition,
        { items: ['a', 'b', 'c'] },
        async (input) => {
          ran.push(input);
          if (input === bad) throw named('NotAnImage');
          return {};
        },
        { openStore: stores.open, name: 'json', ...more },
      ).result;
    await run({});
    bad = undefined;
    const { mapRun } = await run({ continue: {} });
    expect(ran).toEqual(['a', 'b', 'b', 'c']);
    expect(mapRun?.itemCounts).toMatchObject({ total: 3, succeeded: 3 });
  });
});

describe('result files', () => {
  const keyOf = (n: number) => `S_${n}`;

  it('are split where they would grow too long', async () => {
    await using place = await temporaryPlace();
    const path = (key: string) => join(place.directory, key);
    const lines = Array.from({ length: 9 }, (_, index) => `"${index}"`.padEnd(10));
    const appended = appendingSink(place.directory, { keyOf, onError: () => {}, mostBytes: 25 });
    for (const line of lines) {
      appended.add(line);
      await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const files = await appended.end();
    const contents = await Promise.all(files.map(({ Key }) => readFile(path(Key), 'utf8')));
    expect(files.map(({ Size }) => Size)).toEqual(contents.map((content) => content.length));
    expect(Math.max(...files.map(({ Size }) => Size))).toBeLessThanOrEqual(25);
    expect(contents.join('').split('\n').slice(0, -1)).toEqual(lines);
  });

  it('on S3 are few, however many records come while one is written, and none waits for long', async () => {
    vi.useFakeTimers();
    try {
      const written: { readonly at: number; readonly lines: string[] }[] = [];
      const store = {
        async write(_key: string, body: Buffer) {
          // A server that takes its time.
          await new Promise((resolve) => setTimeout(resolve, 2000));
          written.push({ at: Date.now(), lines: body.toString().split('\n').slice(0, -1) });
        },
      } as unknown as Store;
      const sink = partsSink(store, { keyOf, onError: () => {} });
      const lines = Array.from({ length: 2300 }, (_, n) => `"${n} ${Date.now() + 25 * n}"`);
      for (const line of lines) {
        sink.add(line);
        await vi.advanceTimersByTimeAsync(25);
      }
      // What comes last comes alone, and is written without anything more to come.
      await vi.advanceTimersByTimeAsync(15_000);
      expect(written.flatMap((part) => part.lines)).toEqual(lines);
      expect(written.length).toBeLessThanOrEqual(7);
      for (const part of written) {
        for (const line of part.lines) expect(part.at - Number(line.slice(1, -1).split(' ')[1])).toBeLessThan(14_500);
      }
      expect((await sink.end()).length).toBe(written.length);
    } finally {
      vi.useRealTimers();
    }
  });

  it('are split as JSON arrays as well', async () => {
    await using place = await temporaryPlace();
    const store: Store = place.stores.open(place.bucket);
    const sink = arraySink(store, { keyOf, onError: () => {}, mostBytes: 20 });
    for (let n = 0; n < 10; n += 1) sink.add(`"é${n}"`);
    const files = await sink.end();
    expect(files.length).toBeGreaterThan(1);
    const contents = await Promise.all(files.map(({ Key }) => readFile(join(place.directory, Key), 'utf8')));
    expect(contents.map((content) => Buffer.byteLength(content))).toEqual(files.map(({ Size }) => Size));
    expect(contents.flatMap((content) => JSON.parse(content) as string[])).toEqual(
      Array.from({ length: 10 }, (_, n) => `é${n}`),
    );
  });

  it('that cannot be written end the Map Run, with what runs awaited', async () => {
    await using place = await temporaryPlace();
    let calls = 0;
    const execution = start(
      place,
      mapDefinition({ ...RESULTS, MaxConcurrency: 1 }),
      { items: Array.from({ length: 200 }, (_, index) => index) },
      async () => {
        calls += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return {};
      },
      {
        // A folder is where the file should be.
        onEvent: async (event) => {
          if (event.type !== 'mapRunStarted') return;
          const key = event.manifest?.key.replace('manifest.json', 'SUCCEEDED_0.jsonl') ?? '';
          await mkdir(join(place.directory, key), { recursive: true });
        },
      },
    );
    const { status, error } = await execution.result;
    expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.ResultWriterFailed' });
    expect(calls).toBeLessThan(200);
  });
});
