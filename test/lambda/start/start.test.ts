// The starter: each event starts what it should, once, however often it is delivered.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directoryLocation, type Location } from '../../../lambda/contract/location.ts';
import { IMAGE_GLOB } from '../../../lambda/job/image-glob.ts';
import { createStart, MOST_UPLOAD_RUNS, type QueueRecord, UPLOADS } from '../../../lambda/start/start.ts';
import { openStores, type Stores } from '../../../lambda/store/open.ts';

const source: Location = { bucket: 'the-source', prefix: 'in/' };
let folder: string;
let stores: Stores;
let started: Map<string, unknown>;
let failing: (name: string) => boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-fanout-start-'));
  stores = openStores();
  started = new Map();
  failing = () => false;
});
afterEach(async () => {
  await stores.close();
  await rm(folder, { recursive: true, force: true });
});

let running = 0;
beforeEach(() => {
  running = 0;
});

function starter() {
  return createStart({
    open: stores.open,
    source,
    results: directoryLocation(folder),
    uploadsJob: { recipe: 'thumbnail' },
    runningUploads: async () => running,
    startExecution: async (name, input) => {
      if (failing(name)) throw new Error('ThrottlingException');
      started.set(name, input);
    },
  });
}

let messages = 0;
function created(bucket: string, key: string, sequencer = '0'): QueueRecord {
  messages++;
  const detail = { version: '0', bucket: { name: bucket }, object: { key, size: 5, etag: 'b1946ac9', sequencer } };
  return {
    messageId: `m${messages}`,
    body: JSON.stringify({ id: `e${messages}`, source: 'aws.s3', 'detail-type': 'Object Created', detail }),
  };
}

const upload = (name: string, sequencer?: string): QueueRecord => created(source.bucket, `in/${name}`, sequencer);
const jobFile = (name: string, sequencer?: string): QueueRecord =>
  created(directoryLocation(folder).bucket, `jobs/${name}`, sequencer);

describe('job files', () => {
  it('start one execution each, named after file and event', async () => {
    await starter()([jobFile('nightly run.json'), jobFile('other.json')]);
    expect([...started.values()]).toEqual([
      { job: expect.stringMatching(/\/jobs\/nightly%20run\.json$/) },
      { job: expect.stringMatching(/\/jobs\/other\.json$/) },
    ]);
    expect([...started.keys()]).toEqual([
      expect.stringMatching(/^nightly-run-[0-9a-f]{32}$/),
      expect.stringMatching(/^other-[0-9a-f]{32}$/),
    ]);
  });

  it('start again when they are written again, and not when their event comes again', async () => {
    await starter()([jobFile('a.json', '01'), jobFile('a.json', '01')]);
    await starter()([jobFile('a.json', '01')]);
    expect(started.size).toBe(1);
    await starter()([jobFile('a.json', '02')]);
    expect(started.size).toBe(2);
  });
});

describe('uploads', () => {
  it('are gathered into one run, each key once', async () => {
    await starter()([upload('b.jpg'), upload('a.jpg', '01'), upload('a.jpg', '01'), upload('a.jpg', '02')]);
    expect([...started.values()]).toEqual([
      { recipe: 'thumbnail', include: [IMAGE_GLOB], keys: ['in/a.jpg', 'in/b.jpg'] },
    ]);
  });

  it('that are only folder markers, or elsewhere, start nothing', async () => {
    const answer = await starter()([
      upload('folder/'),
      created(source.bucket, 'out/x.jpg'),
      created('another', 'in/x.jpg'),
      // A self-test's images, which have runs of their own.
      upload('.image-fanout/self-test/now/good/0.png'),
    ]);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(started.size).toBe(0);
  });

  it('whose keys do not fit an input go into a manifest', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `${'x'.repeat(900)}-${String(index).padStart(3, '0')}.jpg`);
    await starter()(names.map((name) => upload(name)));
    const [[name, input]] = [...started] as [[string, { manifest: string }]];
    expect(input).toEqual({
      recipe: 'thumbnail',
      include: [IMAGE_GLOB],
      manifest: expect.stringMatching(new RegExp(`/manifests/uploads/${name}\\.json$`)),
    });
    const manifest = JSON.parse(await readFile(new URL(input.manifest), 'utf8'));
    expect(manifest).toEqual(names.map((key) => `in/${key}`));
  });

  it('in any order and with repeats, have one name: what is delivered again starts nothing twice', async () => {
    const batch = fc.uniqueArray(
      fc.string({ minLength: 1, maxLength: 5 }).filter((name) => !name.endsWith('/')),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(
        batch.chain((names) =>
          fc.tuple(fc.constant(names), fc.shuffledSubarray([...names, ...names], { minLength: names.length })),
        ),
        async ([names, again]) => {
          started.clear();
          await starter()(names.map((name) => upload(name)));
          await starter()([...new Set([...again, ...names])].map((name) => upload(name)));
          expect(started.size).toBe(1);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('what could not be started', () => {
  it('goes back to the queue, and nothing else does', async () => {
    failing = (name) => name.startsWith('bad-');
    const records = [jobFile('good.json'), jobFile('bad.json'), upload('a.jpg')];
    expect(await starter()(records)).toEqual({ batchItemFailures: [{ itemIdentifier: records[1]?.messageId }] });
    expect(started.size).toBe(2);
  });

  it('is all uploads of the batch when their run could not be', async () => {
    failing = (name) => name.startsWith('uploads-');
    const records = [upload('a.jpg'), upload('b.jpg')];
    expect((await starter()(records)).batchItemFailures).toHaveLength(2);
  });

  it.each(['', '{}', 'null', '{"detail-type":"Object Deleted"}', '{"detail-type":"Object Created","detail":{}}'])(
    'is also a message that is no event: %j',
    async (body) => {
      expect(await starter()([{ messageId: 'odd', body }])).toEqual({ batchItemFailures: [{ itemIdentifier: 'odd' }] });
    },
  );
});

it('uploads wait in their queue while as many of their runs go on as may; job files do not', async () => {
  running = MOST_UPLOAD_RUNS;
  const [waiting, job] = [upload('a.jpg'), jobFile('now.json')];
  expect(await starter()([waiting, job])).toEqual({ batchItemFailures: [{ itemIdentifier: waiting.messageId }] });
  expect([...started.keys()]).toEqual([expect.stringMatching(/^now-/)]);
  running--;
  expect(await starter()([waiting])).toEqual({ batchItemFailures: [] });
  expect([...started.keys()].at(-1)).toMatch(new RegExp(`^${UPLOADS}`));
});
