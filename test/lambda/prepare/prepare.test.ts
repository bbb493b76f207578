// Whatever starts a run becomes one prepared job, or one error with all that is wrong.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Location } from '../../../lambda/contract/location.ts';
import { ALL_ITEMS } from '../../../lambda/job/job.ts';
import type { PreparedJob, PreparedState } from '../../../lambda/job/prepared.ts';
import { createPrepare, type PrepareDependencies } from '../../../lambda/prepare/prepare.ts';
import { openStores } from '../../../lambda/store/open.ts';
import type { OpenStore } from '../../../lambda/store/store.ts';
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts';

const source: Location = { bucket: 'photos', prefix: 'in/' };
const destination: Location = { bucket: 'renditions', prefix: 'out/' };
const results: Location = { bucket: 'results', prefix: '' };

let server: S3Server;
let stores: { open: OpenStore; close(): Promise<void> };
let open: OpenStore;

beforeAll(async () => {
  server = await startS3Server();
  for (const bucket of ['photos', 'renditions', 'results']) await server.createBucket(bucket);
  stores = openStores({ s3: { client: server.client } });
  open = stores.open;
  await put('photos', 'in/a.jpg', 'x');
});
afterAll(async () => {
  await stores.close();
  await server.stop();
});

const put = (bucket: string, key: string, body: string | Buffer) => open(bucket).write(key, Buffer.from(body));

async function prepare(input: unknown, more: Partial<PrepareDependencies> = {}): Promise<PreparedState> {
  const defaults = { source, destination, results, maxConcurrency: 100 };
  const state = await createPrepare({ open, defaults, ...more })({
    input,
    execution: { name: 'run-1', startTime: '2026-01-01T00:00:00Z' },
  });
  return state as PreparedState;
}

const recorded = async () =>
  JSON.parse((await open('results').read('runs/run-1/job.json')).body.toString()) as PreparedJob;

async function problemsOf(input: unknown, more: Partial<PrepareDependencies> = {}): Promise<string[]> {
  const thrown = await prepare(input, more).catch((error: Error) => error);
  expect(thrown).toMatchObject({ name: 'InvalidJob' });
  return (thrown as Error).message.split('\n  ').slice(1);
}

describe('the room of the image function', () => {
  test.each([
    [{}, 10, 10, 100],
    [{ maxConcurrency: 500 }, 10, 10, 500],
    [{ maxConcurrency: 5 }, 10, 5, undefined],
    [{}, undefined, 100, undefined],
  ])('bounds what %j takes at once: of %s, %s', async (input, room, most, asked) => {
    const state = await prepare(input, { room: async () => room });
    expect(state.maxConcurrency).toBe(most);
    expect(await recorded()).toMatchObject({ maxConcurrency: most });
    expect((await recorded()).maxConcurrencyAsked).toBe(asked);
  });

  test('refuses a job that nothing could run', async () => {
    expect(await problemsOf({}, { room: async () => 0 })).toEqual([
      expect.stringMatching(/^maxConcurrency: expected .* room for at least 1 invocation, got 0/),
    ]);
  });

  test('is not asked for a job that is refused anyway', async () => {
    const room = vi.fn(async () => 10);
    await problemsOf({ recipe: 'nope' }, { room });
    expect(room).not.toHaveBeenCalled();
  });
});

describe('an empty input', () => {
  test('is a valid job: the whole source with the default recipe and no tolerance', async () => {
    expect(await prepare({})).toEqual({
      canary: { kind: 'NONE' },
      reader: { kind: 'LIST', bucket: 'photos', prefix: 'in/' },
      maxConcurrency: 100,
      toleratedFailureCount: 0,
      toleratedFailurePercentage: 100,
      itemsPerInvocation: 1,
      run: { bucket: 'results', key: 'runs/run-1/job.json' },
      results: { bucket: 'results', prefix: 'runs/run-1' },
    });
    expect(await recorded()).toMatchObject({
      version: 1,
      run: 'run-1',
      source,
      destination,
      preset: 'web',
      existing: 'skip',
    });
  });
});

describe('the thresholds', () => {
  test.each([
    [{}, 0, 100],
    [{ toleratedFailureCount: 5 }, 5, 100],
    [{ toleratedFailurePercentage: 2.5 }, ALL_ITEMS, 2.5],
    [{ toleratedFailureCount: 5, toleratedFailurePercentage: 0 }, 5, 0],
  ])('of %j are count %i and percentage %d: the one nobody set is neutral', async (input, count, percentage) => {
    expect(await prepare(input)).toMatchObject({
      toleratedFailureCount: count,
      toleratedFailurePercentage: percentage,
    });
  });
});

describe('manifests', () => {
  const inventory = {
    sourceBucket: 'photos',
    fileFormat: 'CSV',
    fileSchema: 'Bucket, Key',
    files: [],
    destinationBucket: 'arn:aws:s3:::results',
  };

  test.each<[string, string | Buffer, string]>([
    ['keys.csv', 'id,Key\n1,in/a.jpg\n', 'CSV'],
    ['keys.CSV.gz', gzipSync('"key"\nin/a.jpg\n'), 'CSV'],
    ['bom.csv', '\ufeffkey\r\nin/a.jpg\r\n', 'CSV'],
    ['keys.json', '["in/a.jpg"]', 'JSON'],
    ['keys.jsonl', '"in/a.jpg"\n', 'JSONL'],
    ['keys.ndjson', '{"key":"in/a.jpg"}\n', 'JSONL'],
    ['inventory/manifest.json', JSON.stringify(inventory), 'S3_INVENTORY'],
  ])('%s is read', async (key, body, kind) => {
    await put('results', `manifests/${key}`, body);
    const { reader } = await prepare({ manifest: `s3://results/manifests/${key}` });
    expect(reader).toEqual({ kind, bucket: 'results', key: `manifests/${key}` });
  });

  test.each<[string, string, RegExp]>([
    ['keys.lst', 'in/a.jpg', /expected the name of a manifest to end in .* got s3:/],
    ['notgzip.csv.gz', 'key\nin/a.jpg\n', /expected gzip, as the name ends, got .* in s3:.*notgzip\.csv\.gz/],
    ['headless.csv', 'photos,in/a.jpg\n', /a column "key", got the header "photos,in\/a.jpg"/],
    ['line.jsonl', '"in/a.jpg"\n\nnot json\n"in/b.jpg"', /expected JSON in each line, got .* in line 3 of s3:/],
    ['whole.json', '["in/a.jpg", oops]', /expected a JSON array of keys, got .* in s3:/],
    ['object.json', '{"keys":[]}', /expected a JSON array of keys or an S3 Inventory manifest.json/],
    ['orc.json', JSON.stringify({ ...inventory, fileFormat: 'ORC' }), /inventory in CSV.* got ORC/],
    ['other.json', JSON.stringify({ ...inventory, sourceBucket: 'else' }), /source bucket photos, got one of else/],
  ])('%s is refused', async (key, body, problem) => {
    await put('results', `manifests/${key}`, body);
    expect((await problemsOf({ manifest: `s3://results/manifests/${key}` }))[0]).toMatch(problem);
  });

  test.each<[string, string | Buffer]>([
    ['nothing.csv', ''],
    ['header.csv', 'id,key\r\n'],
    ['header.csv.gz', gzipSync('key\n')],
    ['brackets.json', '[ ]\n'],
    ['blank.jsonl', '\n'],
  ])('%s holds no key: refused, unless that is said to be fine', async (key, body) => {
    await put('results', `manifests/${key}`, body);
    const manifest = `s3://results/manifests/${key}`;
    expect(await problemsOf({ manifest })).toEqual([
      `manifest: expected at least one key, got none in ${manifest} (allowEmpty: true if that is fine)`,
    ]);
    expect((await prepare({ manifest, allowEmpty: true })).reader).toMatchObject({ key: `manifests/${key}` });
  });

  test('that are not there are refused', async () => {
    expect(await problemsOf({ manifest: 's3://results/manifests/gone.csv' })).toEqual([
      expect.stringMatching(/^manifest: SourceNotFound: .*gone\.csv/),
    ]);
  });
});

describe('what may start a run', () => {
  test("a job file's location", async () => {
    await put('results', 'jobs/one.json', JSON.stringify({ recipe: 'thumbnail', maxConcurrency: 7 }));
    expect(await prepare({ job: 's3://results/jobs/one.json' })).toMatchObject({ maxConcurrency: 7 });
    expect(await recorded()).toMatchObject({ preset: 'thumbnail' });
  });

  test.each([
    { Comment: 'from the console' },
    { $schema: 'https://example.com/job.schema.json' },
    { AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'arn:aws:states:us-east-1:1:execution:m:x' },
  ])('a job with what AWS and editors put beside its fields: %j', async (convention) => {
    await prepare({ ...convention, maxConcurrency: 7 });
    expect(await recorded()).toMatchObject({ maxConcurrency: 7 });
    await put('results', 'jobs/with.json', JSON.stringify({ ...convention, maxConcurrency: 8 }));
    await prepare({ ...convention, job: 's3://results/jobs/with.json' });
    expect(await recorded()).toMatchObject({ maxConcurrency: 8 });
  });

  test('no other field that is not known', async () => {
    expect(await problemsOf({ comment: 'x' })).toEqual([expect.stringMatching(/^comment: unknown/)]);
  });

  test("S3's own event of an object", async () => {
    const event = {
      source: 'aws.s3',
      'detail-type': 'Object Created',
      detail: { bucket: { name: 'photos' }, object: { key: 'in/ä+%20.jpg' } },
    };
    expect(await prepare(event)).toMatchObject({ reader: { kind: 'KEYS' }, keys: ['in/ä+%20.jpg'] });
  });

  test("S3's event of another bucket starts nothing", async () => {
    const event = {
      source: 'aws.s3',
      'detail-type': 'Object Created',
      detail: { bucket: { name: 'renditions' }, object: { key: 'out/a.jpg' } },
    };
    expect(await problemsOf(event)).toEqual([
      expect.stringMatching(/^source: expected an event of the bucket photos, got one of renditions/),
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'a missing job file',
      { job: 's3://results/jobs/gone.json' },
      /^job: expected a readable job file, got s3:.*gone\.json/,
    ],
    [
      'fields beside a job file',
      { job: 's3://results/jobs/one.json', recipe: 'web' },
      /^recipe: unexpected beside "job"/,
    ],
    ['a recipe that is not there', { recipe: 's3://results/recipes/gone.json' }, /^recipe: SourceNotFound/],
    [
      'a watermark that is not there',
      { recipe: { outputs: [{ name: 'a', format: 'webp', composite: [{ image: 'marks/gone.png' }] }] } },
      /^recipe: expected the watermark marks\/gone.png at s3:\/\/renditions\/out\/marks\/gone.png, got nothing/,
    ],
    ['an unknown recipe', { recipe: 'wob' }, /^recipe: .*web/],
    [
      'an empty source',
      { source: 's3://photos/nothing/' },
      /^source: expected at least one object below s3:\/\/photos\/nothing\//,
    ],
    ['a missing bucket', { source: 's3://no-such-bucket/' }, /^source: BucketNotFound/],
    [
      'a destination inside the source',
      { destination: 's3://photos/in/out/' },
      /^destination: expected a place outside the source/,
    ],
  ])('refuses %s', async (_name, input, problem) => {
    expect((await problemsOf(input))[0]).toMatch(problem);
  });

  test('an empty source, when that is said to be fine', async () => {
    expect(await prepare({ source: 's3://photos/nothing/', allowEmpty: true })).toMatchObject({
      reader: { prefix: 'nothing/' },
    });
  });

  test('a recipe by reference', async () => {
    await put(
      'results',
      'recipes/mine.json',
      JSON.stringify({ outputs: [{ name: 'x', key: '{dir}{name}.webp', format: 'webp' }] }),
    );
    await prepare({ recipe: 's3://results/recipes/mine.json' });
    expect((await recorded()).recipe.outputs).toMatchObject([{ name: 'x' }]);
  });
});

test('places outside what a deployment may use are refused, all at once', async () => {
  const allowed = { source: [source], destination: [destination], results: [results] };
  await put('photos', 'else/a.jpg', 'x');
  const problems = await problemsOf({ source: 's3://photos/else/', destination: 's3://renditions/' }, { allowed });
  expect(problems).toEqual([
    'source: expected a place in s3://photos/in/, which is what this deployment may use, got s3://photos/else/',
    'destination: expected a place in s3://renditions/out/, which is what this deployment may use, got s3://renditions/',
  ]);
  await put('photos', 'in/sub/a.jpg', 'x');
  expect(await prepare({ source: 's3://photos/in/sub/' }, { allowed })).toMatchObject({
    reader: { prefix: 'in/sub/' },
  });
});

test('results of a job elsewhere are noted where a deployment looks for runs', async () => {
  const allowed = {
    source: [source],
    destination: [destination],
    results: [{ bucket: 'results', prefix: 'runs/' }],
  };
  await prepare({ results: 's3://results/runs/team/' }, { allowed });
  const note = await open('results').read('runs/run-1/elsewhere.json');
  expect(JSON.parse(note.body.toString())).toEqual({ results: { bucket: 'results', prefix: 'runs/team/runs/run-1/' } });
  // Where the functions may not write, nothing is started.
  expect(await problemsOf({ results: 's3://results/other/' }, { allowed })).toEqual([
    expect.stringMatching(/^results: expected a place in s3:\/\/results\/runs\//),
  ]);
});

test('without defaults, both places must be named', async () => {
  expect(await problemsOf({}, { defaults: { maxConcurrency: 1 } })).toEqual([
    'source: expected s3://bucket/prefix/ or a directory, got nothing',
    'destination: expected s3://bucket/prefix/ or a directory, got nothing',
  ]);
});

describe('a list of its own, where no reader of Step Functions reads what the job says', () => {
  const listed = async () => {
    const { reader } = await recorded();
    expect(reader).toEqual({ kind: 'JSONL', bucket: 'results', key: 'runs/run-1/keys.jsonl' });
    const text = (await open('results').read('runs/run-1/keys.jsonl')).body.toString();
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { key: string }).key);
  };

  beforeAll(async () => {
    for (let index = 0; index < 30; index += 1) await put('photos', `part/${String(index).padStart(2, '0')}.jpg`, 'x');
    await put('photos', 'part/notes.txt', 'x');
    await put('results', 'manifests/plain.txt', 's3://photos/part/03.jpg\npart/a b,c"d\\e.jpg\n');
    await put('results', 'manifests/list.csv', 'key\npart/01.jpg\n');
  });
  const part = { source: 's3://photos/part/' };

  test('the first keys of a listing, of those that are meant', async () => {
    expect(await prepare({ ...part, first: 2, exclude: '00.jpg' })).toMatchObject({ reader: { kind: 'JSONL' } });
    expect(await listed()).toEqual(['part/01.jpg', 'part/02.jpg']);
    expect((await recorded()).part).toEqual({ first: 2 });
  });

  test('a sample of a listing', async () => {
    await prepare({ ...part, sample: 3 });
    expect(await listed()).toHaveLength(3);
    expect((await recorded()).part).toEqual({ sample: 3, of: 30 });
  });

  test('plain text, letter for letter', async () => {
    await prepare({ ...part, manifest: 's3://results/manifests/plain.txt' });
    expect(await listed()).toEqual(['part/03.jpg', 'part/a b,c"d\\e.jpg']);
  });

  test('not of a manifest that only the reader can read', async () => {
    const manifest = 's3://results/manifests/list.csv';
    expect(await problemsOf({ ...part, manifest, sample: 2 })).toEqual([
      expect.stringMatching(/^sample: expected a listing, keys or a manifest in plain text \(\.txt\), .* got a CSV; /),
    ]);
  });

  test('not of a listing that takes longer than the function has', async () => {
    const endless: OpenStore = (bucket) => ({
      ...open(bucket),
      async *list(_prefix, { signal } = {}) {
        for (let page = 0; ; page += 1) {
          await new Promise((done) => setTimeout(done, 5));
          signal?.throwIfAborted();
          yield [{ key: `part/${page}.jpg`, etag: 'x', bytes: 1, lastModified: 0, storageClass: 'STANDARD' }];
        }
      },
    });
    expect(await problemsOf({ ...part, sample: 2 }, { open: endless, listMilliseconds: 50 })).toEqual([
      'sample: expected keys that are gone through within 0.05 s, there are more; make a manifest of those that are wanted',
    ]);
  });
});
