// A million keys from listing to account through the command line's own execution, with a handler that does nothing; then killed at half, and resumed.
// Usage: node bench/million.ts [--items N]. Ends with 1 when a target is missed.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { ENVIRONMENT } from '../bin/environment.js';
import { directoryLocation, type Location } from '../lambda/contract/location.ts';
import type { Outcome } from '../lambda/contract/outcome.ts';
import { keyOf } from '../lambda/job/item.ts';
import { createPrepare, preparedState } from '../lambda/prepare/prepare.ts';
import type { Process } from '../lambda/process/process.ts';
import { readJob } from '../lambda/report/run-folder.ts';
import { openStores } from '../lambda/store/open.ts';
import { execute } from '../lib/cli/execute.ts';
import { listingStore } from './engine/listing.ts';
import { judge } from './harness/report.ts';

const MOST_MEGABYTES = 300;
const MOST_SECONDS_TO_FIRST_KEY = 5;
const SOURCE: Location = { bucket: 'photos', prefix: 'photos/' };
const RUN = 'million';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    /** What a process that this bench starts does: `run` or `resume`. */
    act: { type: 'string' },
    root: { type: 'string' },
    /** When that process was started, in epoch milliseconds. */
    since: { type: 'string' },
  },
});
const items = Number(values.items);

interface Report {
  /** From the start of the process to the first key. */
  readonly firstKeySeconds: number;
  /** Of both kinds and all threads, until then: what a busy machine does not change. */
  readonly firstKeyCpuSeconds: number;
  readonly seconds: number;
  readonly megabytes: number;
  /** Keys that the handler was given. */
  readonly processed: number;
  readonly succeeded: number;
  readonly problems: readonly string[];
}

type Message = { readonly half: true } | Report;

if (values.act === undefined) await bench();
else await act(values.act === 'resume', values.root ?? '', Number(values.since));

async function bench(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-million-'));
  try {
    const whole = await reported(start('run', join(root, 'whole')));
    console.log(`${items} keys, listed, processed and accounted for in ${whole.seconds.toFixed(1)} s`);
    judge('MB resident at most, account included', whole.megabytes, { atMost: MOST_MEGABYTES });
    checkAccount('whole', whole);

    const killed = start('run', join(root, 'killed'));
    await once(killed, 'message');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const resumed = await reported(start('resume', join(root, 'killed')));
    console.log(
      `killed at half; resumed: ${resumed.processed} keys in ${resumed.seconds.toFixed(1)} s, ${resumed.megabytes.toFixed(0)} MB`,
    );
    console.log(`the first new key after ${resumed.firstKeyCpuSeconds.toFixed(1)} s of CPU`);
    judge('seconds to the first new key', resumed.firstKeySeconds, { atMost: MOST_SECONDS_TO_FIRST_KEY });
    judge('MB resident at most, resumed', resumed.megabytes, { atMost: MOST_MEGABYTES });
    judge('share of the keys that the resumed run did', resumed.processed / items, { atMost: 0.6 });
    checkAccount('resumed', resumed);
    console.log(
      `result files: ${(await readdir(join(root, 'killed/.image-fanout/runs', RUN), { recursive: true })).length}`,
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function checkAccount(name: string, { succeeded, problems }: Report): void {
  for (const problem of problems) console.log(`  ${problem}`);
  judge(`keys missing in the account, ${name}`, items - succeeded + problems.length, { atMost: 0 });
}

function start(act: 'run' | 'resume', root: string): ChildProcess {
  const argv = ['--act', act, '--root', root, '--items', String(items), '--since', String(Date.now())];
  const env = { ...process.env, ...ENVIRONMENT };
  return fork(import.meta.filename, argv, { execArgv: [], env });
}

async function reported(child: ChildProcess): Promise<Report> {
  const answer = Promise.withResolvers<Report>();
  child.on('message', (message: Message) => {
    if (!('half' in message)) answer.resolve(message);
  });
  child.on('exit', (code) => answer.reject(new Error(`The process ended with ${code}`)));
  return await answer.promise;
}

/** One execution in this process, as `lib/cli/local-run.ts` starts it. */
async function act(resume: boolean, root: string, since: number): Promise<void> {
  setFlagsFromString('--semi-space-growth-factor=1');
  const source = listingStore(items);
  const stores = openStores();
  const open = (bucket: string) => (bucket === SOURCE.bucket ? source : stores.open(bucket));
  const destination = directoryLocation(root);
  const folder = { bucket: destination.bucket, prefix: `.image-fanout/runs/${RUN}/` };
  let processed = 0;
  let first = 0;
  let firstCpu = process.cpuUsage();
  const processImage: Process = async ({ Items }) => {
    if (first === 0) {
      first = Date.now();
      firstCpu = process.cpuUsage();
    }
    processed += Items.length;
    if (!resume && processed === Math.floor(items / 2)) process.send?.({ half: true } satisfies Message);
    return { outcomes: Items.map(({ index, item }) => outcome(index, keyOf(item, 'LIST'))) };
  };
  const running = execute({
    run: RUN,
    input: { recipe: 'thumbnail' },
    open,
    prepare: resume
      ? async () => preparedState(await readJob(open(folder.bucket), folder))
      : createPrepare({ open, defaults: { source: SOURCE, destination, maxConcurrency: 64 } }),
    process: processImage,
    ...(resume ? { continue: {} } : {}),
    doneBefore: 0,
    onPrepareFailed: (error) => {
      throw error;
    },
    onThresholdExceeded: () => {},
    onFailure: () => {},
  });
  const ended = await running.ended;
  if (!('summary' in ended)) throw new Error(`${ended.error}: ${ended.cause}`);
  const { counts, check } = ended.summary;
  await stores.close();
  const report: Report = {
    firstKeySeconds: (first - since) / 1000,
    firstKeyCpuSeconds: (firstCpu.user + firstCpu.system) / 1e6,
    seconds: (Date.now() - since) / 1000,
    // libuv's unit, everywhere: kilobytes.
    megabytes: process.resourceUsage().maxRSS / 1024,
    processed,
    succeeded: counts.succeeded,
    problems: check.problems,
  };
  process.send?.(report, () => process.exit());
}

/** What the image handler answers for a key with two outputs. */
function outcome(index: number, key: string): Outcome {
  return {
    status: 'succeeded',
    index,
    key,
    source: { etag: '9a0364b9e99bb480dd25e1f0284c8555', bytes: 2_345_678, format: 'jpeg', width: 4000, height: 3000 },
    outputs: [640, 1280].map((width) => ({
      ...{ name: `w${width}`, key: `${key}-${width}.webp`, bytes: width * 80, format: 'webp' },
      ...{ width, height: (width * 3) / 4 },
    })),
    ms: { read: 12.3, transform: 80.1 + (index % 977), write: 22.2, total: 114.6 + (index % 977) },
  };
}
