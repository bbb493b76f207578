// The image function as Lambda runs it, on one processor and with a latency before every request to S3: what is paid beside the work.
// Wall time is that of a machine that does nothing else: the CPU time, and the time in which there was nothing to compute.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { costs } from '../lambda/estimate/costs.ts';
import type { LambdaContext } from '../lambda/handlers/runtime.ts';
import type { ProcessEvent } from '../lambda/job/prepared.ts';
import { createPrepare } from '../lambda/prepare/prepare.ts';
import { openStores } from '../lambda/store/open.ts';
import { forkS3Server } from '../test/helpers/s3-server.ts';
import { gatherPhotos } from './harness/photos.ts';
import { works } from './harness/processes.ts';
import { judge, printTable } from './harness/report.ts';
import { median } from './harness/rounds.ts';
import { makeSmallPhotos } from './harness/small-photos.ts';

const { values } = parseArgs({
  options: {
    /** Calls of each kind that are measured; as many keys as they have are processed. */
    rounds: { type: 'string', default: '5' },
    latency: { type: 'string', default: '30,100' },
    keys: { type: 'string', default: '1,10,50,250' },
  },
});
const ROUNDS = Number(values.rounds);
const LATENCIES = values.latency.split(',').map(Number);
const KEYS = values.keys.split(',').map(Number);

/** What the function is asked, and what one call took. */
interface Call {
  readonly event: ProcessEvent;
  readonly endpoint: string;
}
interface Took {
  readonly wall: number;
  readonly cpu: number;
  /** Milliseconds in which no thread had anything to compute: what a machine that is busy otherwise does not add to. */
  readonly idle: number;
}

const targets: { what: string; value: number; atMost: number }[] = [];

/** The longest that 50 keys a call may take, in their CPU time. */
const MOST_OF_CPU = 1.25;

/** Where the requests of a single key take more than that leaves: of what they and the CPU take, one after the other. */
const MOST_BESIDE_CHAIN = 1.1;

/** As one whole processor. */
const MEMORY = 1769;

if (process.env['BENCH_LAMBDA'] === undefined) await bench();
else await serve();

/** The function's process: Node.js on one processor, the handler as it is packaged, its answer thrown away. */
async function serve(): Promise<void> {
  const { handler } = await import('../lambda/handlers/process.ts');
  const context: LambdaContext = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 110_000 };
  process.on('message', async ({ event }: Call) => {
    const before = process.cpuUsage();
    const start = performance.now();
    try {
      await handler(event, context);
    } catch (error) {
      process.send?.({ error: String(error) });
      return;
    }
    const { user, system } = process.cpuUsage(before);
    process.send?.({ wall: performance.now() - start, cpu: (user + system) / 1000 } satisfies Omit<Took, 'idle'>);
  });
  process.on('disconnect', () => process.exit());
  process.send?.({});
}

async function bench(): Promise<void> {
  // The network has processors of its own.
  if (works('taskset', ['-c', '1', 'true']))
    execFileSync('taskset', ['-apc', '1', String(process.pid)], { stdio: 'ignore' });
  const server = await forkS3Server(['photos', 'site']);
  const scratch = await mkdtemp(join(tmpdir(), 'image-fanout-bench-lambda-'));
  const stores = openStores({ s3: { client: server.client } });
  try {
    const rows: string[][] = [];
    const most = Math.max(...KEYS);
    for (const kind of ['light', 'photos'] as const) {
      const count = kind === 'light' ? most : Math.min(most, 50);
      const directory = join(scratch, kind);
      const names =
        kind === 'light'
          ? await makeSmallPhotos(directory, count)
          : await namesOf(gatherPhotos(directory, count), directory);
      for (const name of names)
        await stores.open('photos').write(`${kind}/${name}`, await readFile(join(directory, name)));
      const width = kind === 'light' ? 128 : 1024;
      for (const latency of LATENCIES) {
        await using slow = await slowly(server.endpoint, latency);
        await using called = await callable({ ...process.env, ...server.env, AWS_ENDPOINT_URL: slow.endpoint });
        for (const keys of KEYS.filter((keys) => keys <= count)) {
          const took: Took[] = [];
          // The first call loads and compiles, and opens connections.
          for (let round = -1; round < ROUNDS; round++) {
            const run = `${kind}-${latency}-${keys}-${round}`;
            const event = await eventOf(stores, kind, names.slice(0, keys), width, run);
            const one = await called.call({ event, endpoint: slow.endpoint });
            if (round >= 0) took.push(one);
          }
          rows.push(row(kind, latency, keys, took, slow.requests() / (keys * (ROUNDS + 1))));
        }
      }
    }
    printTable([
      [
        '',
        'latency',
        'keys a call',
        'wall ms a key',
        'CPU ms a key',
        'wall / CPU',
        'requests a key',
        '$ per million: Lambda',
        'of which CPU',
        'Step Functions',
        'S3 requests',
      ],
      ...rows,
    ]);
    for (const target of targets) judge(target.what, target.value, { atMost: target.atMost });
  } finally {
    await stores.close();
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

function row(kind: string, latency: number, keys: number, took: readonly Took[], requests: number): string[] {
  const wall = median(took.map((one) => one.cpu + one.idle)) / keys;
  const cpu = median(took.map((one) => one.cpu)) / keys;
  const ratio = median(took.map((one) => (one.cpu + one.idle) / one.cpu));
  const shape = { images: 1e6, outputs: 1, itemsPerInvocation: keys, memory: MEMORY };
  const paid = costs({ ...shape, milliseconds: wall });
  const worth = costs({ ...shape, milliseconds: cpu });
  if (keys === 50) {
    // The requests of one key come one after the other: at so few milliseconds of CPU a key, 50 of them cannot hide that.
    const chain = 1 + (Math.round(requests) * latency) / (cpu * keys);
    const what = `wall / CPU, ${kind}, ${latency} ms, 50 keys a call`;
    targets.push({ what, value: ratio, atMost: Math.max(MOST_OF_CPU, MOST_BESIDE_CHAIN * chain) });
  }
  return [
    ...[kind, `${latency} ms`, String(keys), wall.toFixed(1), cpu.toFixed(1), ratio.toFixed(2), requests.toFixed(1)],
    ...[paid.lambda, worth.lambda, paid.stepFunctions, paid.s3].map((dollars) => dollars.toFixed(2)),
  ];
}

async function namesOf(gathered: Promise<string>, directory: string): Promise<string[]> {
  await gathered;
  return (await readdir(directory)).sort();
}

/** What a child of a new run is given, of which nothing is there yet. */
async function eventOf(
  { open }: ReturnType<typeof openStores>,
  kind: string,
  names: readonly string[],
  width: number,
  run: string,
): Promise<ProcessEvent> {
  const source = { bucket: 'photos', prefix: `${kind}/` };
  const destination = { bucket: 'site', prefix: `${run}/` };
  const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 1 } });
  const recipe = { key: '{dir}{name}.{format}', format: 'jpeg', resize: { width, withoutEnlargement: true } };
  const state = await prepare({ input: { recipe }, execution: { name: run, startTime: new Date().toISOString() } });
  const Items = names.map((name, index) => ({ index, item: { Key: `${kind}/${name}`, Etag: '""', Size: 10_000 } }));
  return { BatchInput: { run: state.run }, Items };
}

interface Called extends AsyncDisposable {
  call(call: Call): Promise<Took>;
}

/** Starts the function's process, with one processor of its own where that can be said. */
async function callable(env: NodeJS.ProcessEnv): Promise<Called> {
  const own = { ...env, BENCH_LAMBDA: '1', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MEMORY), POWERTOOLS_DEV: 'false' };
  Object.assign(own, { IMAGE_FANOUT_RESULTS: 's3://site/results/', IMAGE_FANOUT_STACK: 'Bench' });
  const pinned = works('taskset', ['-c', '0', 'true']);
  if (!pinned) console.log('No taskset here: the function has all processors, so its ratios are too good.');
  const child = fork(import.meta.filename, [], {
    env: { ...own, NODE_NO_WARNINGS: '1', POWERTOOLS_METRICS_DISABLED: 'true' },
    ...(pinned ? { execPath: 'taskset', execArgv: ['-c', '0', process.execPath] } : {}),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.once('exit', (code) => {
    if (code !== null && code !== 0) throw new Error(`the function's process ended with ${code}`);
  });
  await once(child, 'message');
  return {
    async call(call) {
      let [looks, idle] = [0, 0];
      const sampling = setInterval(() => {
        looks += 1;
        if (!isRunnable(child.pid ?? 0)) idle += 1;
      }, 3);
      child.send(call);
      const [answer] = (await once(child, 'message')) as [Omit<Took, 'idle'> | { error: string }];
      clearInterval(sampling);
      if ('error' in answer) throw new Error(answer.error);
      return { ...answer, idle: (answer.wall * idle) / Math.max(1, looks) };
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Whether a thread of the process computes, or waits only for a processor. */
function isRunnable(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('R');
  });
}

interface Slow extends AsyncDisposable {
  readonly endpoint: string;
  /** Since it was last asked. */
  requests(): number;
}

/** A proxy that passes each request on after so many milliseconds. */
async function slowly(target: string, latency: number): Promise<Slow> {
  let seen = 0;
  const proxy = createServer((incoming, outgoing) => {
    seen += 1;
    setTimeout(() => {
      const { method, url, headers } = incoming;
      const passed = request(new URL(url ?? '/', target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      passed.on('error', () => outgoing.destroy());
      incoming.pipe(passed);
    }, latency);
  });
  proxy.keepAliveTimeout = 60_000;
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests() {
      const since = seen;
      seen = 0;
      return since;
    },
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((closed) => proxy.close(closed));
    },
  };
}
