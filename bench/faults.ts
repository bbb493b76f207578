// Ten thousand S3 requests through a proxy that breaks one in four: nothing may be lost, doubled, wrong or failed.
// Usage: node bench/faults.ts [--seed N] [--rate 0.25] [--objects 2000]. Exits 1 when a promise is broken.
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { openStores } from '../lambda/store/open.ts';
import { isFrom } from '../lambda/store/provenance.ts';
import type { Store } from '../lambda/store/store.ts';
import {
  type Fault,
  type ProxiedRequest,
  randomFaults,
  randomFrom,
  startFaultProxy,
  TRANSIENT_FAULTS,
} from '../test/helpers/fault-proxy.ts';
import { forkS3Server, type S3Server } from '../test/helpers/s3-server.ts';

const FEWEST_REQUESTS = 10_000;
const CONCURRENCY = 48;
const BUCKET = 'faults';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rate: { type: 'string', default: '0.25' },
    objects: { type: 'string', default: '2000' },
  },
});
const seed = Number(values.seed);
const objects = Number(values.objects);

/** What came out wrong, by promise; each with some examples. */
const broken = { lost: [] as string[], doubled: [] as string[], wrong: [] as string[], failed: [] as string[] };
let slowdowns = 0;
let lowestLimit = Number.POSITIVE_INFINITY;

/** The bytes of an object, from nothing to some 60 KB, which follow from its key. */
function bytesOf(key: string): Buffer {
  const random = randomFrom(crc32(key, seed));
  return Buffer.alloc(Math.floor(random() ** 3 * 60_000), `${key}|`);
}

async function each(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  const left = keys.values();
  const worker = async (): Promise<void> => {
    for (const key of left) await work(key).catch((error: unknown) => void broken.failed.push(`${key}: ${error}`));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function listed(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list(prefix)) keys.push(...page.map(({ key }) => key));
  return keys;
}

function checkKeys(found: readonly string[], expected: readonly string[]): void {
  const once = new Set(found);
  broken.lost.push(...expected.filter((key) => !once.has(key)));
  broken.doubled.push(...found.filter((key, index) => found.indexOf(key) !== index));
}

/** What the image handler does with a key, with the image work left out. */
async function fanOut(store: Store, key: string): Promise<void> {
  const { body } = await store.read(key);
  if (!body.equals(bytesOf(key))) broken.wrong.push(`read ${key}`);
  const output = key.replace('in/', 'out/');
  const provenance = { source: `s3://${BUCKET}/${key}`, fingerprint: crc32(key).toString(16), run: 'bench' };
  if ((await store.head(output)) !== undefined) broken.doubled.push(`${output} before it was written`);
  if ((await store.write(output, body, { expect: 'absent', provenance })) === undefined)
    broken.lost.push(`${output}: not taken for ours`);
  const again = await store.write(output, Buffer.from('another'), {
    expect: 'absent',
    provenance: { ...provenance, run: 'other' },
  });
  if (again !== undefined) broken.doubled.push(output);
  const head = await store.head(output);
  if (head?.provenance === undefined || !isFrom(head.provenance, provenance.source))
    broken.wrong.push(`provenance of ${output}`);
}

/** Looks at the server itself, past the proxy. */
async function inspect(server: S3Server, key: string, run: string | undefined): Promise<void> {
  const output = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  const body = Buffer.from((await output.Body?.transformToByteArray()) ?? []);
  if (!body.equals(bytesOf(key.replace('out/', 'in/')))) broken.wrong.push(`stored ${key}`);
  if (output.Metadata?.['image-fanout-run'] !== run) broken.wrong.push(`stored run of ${key}`);
}

const server = await forkS3Server([BUCKET]);
Object.assign(process.env, server.env);
const keys = Array.from({ length: objects }, (_, index) => `in/photo ${index}+é.jpg`);
await each(
  keys,
  async (key) =>
    void (await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: bytesOf(key) }))),
);

const random = randomFaults(seed, Number(values.rate), TRANSIENT_FAULTS);
// A listing has no checksum: only TLS can keep its bytes.
const choose = ({ url }: ProxiedRequest): Fault | undefined => {
  const fault = random();
  return fault === 'flip' && url.includes('list-type=2') ? undefined : fault;
};
const proxy = await startFaultProxy({ target: server.endpoint, choose });
const stores = openStores({
  s3: {
    endpoint: proxy.endpoint,
    stallTimeoutMs: 200,
    onThrottle: ({ limit }) => {
      slowdowns += 1;
      lowestLimit = Math.min(lowestLimit, limit);
    },
  },
});
const store = stores.open(BUCKET);

const started = performance.now();
checkKeys(await listed(store, 'in/'), keys);
await each(keys, (key) => fanOut(store, key));
const outputs = keys.map((key) => key.replace('in/', 'out/'));
checkKeys(await listed(store, 'out/'), outputs);
async function* report(): AsyncGenerator<string> {
  for (let line = 0; line < 200_000; line++) yield `${JSON.stringify({ line, state: 'succeeded' })}\n`.padEnd(100, ' ');
}
await store.save('results/report.jsonl', report());
let saved = 0;
for await (const chunk of await store.open('results/report.jsonl')) saved += chunk.length;
if (saved !== 20_000_000) broken.wrong.push(`report.jsonl has ${saved} bytes`);
const seconds = (performance.now() - started) / 1000;

await each(outputs, (key) => inspect(server, key, 'bench'));
await each(keys, (key) => inspect(server, key, undefined));
await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'results/report.jsonl' }));
await stores.close();
await proxy.stop();
await server.stop();

const met = new Map<Fault, number>();
for (const { fault } of proxy.requests) if (fault !== undefined) met.set(fault, (met.get(fault) ?? 0) + 1);
console.log(
  `seed ${seed}: ${proxy.requests.length} requests in ${seconds.toFixed(1)} s, ${objects} objects read and written`,
);
for (const fault of TRANSIENT_FAULTS) console.log(`  ${String(met.get(fault) ?? 0).padStart(6)}  ${fault}`);
console.log(`  throttling lowered the requests at once ${slowdowns} times, to ${lowestLimit} at the lowest`);
for (const [promise, examples] of Object.entries(broken)) {
  console.log(
    `  ${String(examples.length).padStart(6)}  ${promise}${examples.length > 0 ? `: ${examples.slice(0, 3).join('; ')}` : ''}`,
  );
}
if (proxy.requests.length < FEWEST_REQUESTS) console.log(`  too few requests: expected at least ${FEWEST_REQUESTS}`);
const kept =
  Object.values(broken).every((examples) => examples.length === 0) && proxy.requests.length >= FEWEST_REQUESTS;
// Not exitCode: after the proxy's resets, Node 24 waits in its own teardown for ever for handles that are gone.
process.exit(kept ? 0 : 1);
