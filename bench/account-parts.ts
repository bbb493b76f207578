// The account of ten million keys in parts, each piece in a process of its own as in a function of its own, beside one function that does it all.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { directoryLocation } from '../lambda/contract/location.ts';
import { costOf } from '../lambda/estimate/costs.ts';
import { writeAccount } from '../lambda/report/account.ts';
import { createPartsAccount, type PartsEvent } from '../lambda/report/parts/actions.ts';
import { FILES, type NumberedRange, type PartTask, readWork, type Work } from '../lambda/report/parts/work.ts';
import { readJob } from '../lambda/report/run-folder.ts';
import { directoryStore } from '../lambda/store/directory.ts';
import { makeRun, PREFIX } from './harness/account-run.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '10000000' },
    /** Records in no order at all, rather than in the order in which children end. */
    shuffled: { type: 'boolean', default: false },
    /** What a process that this bench starts does: an event as JSON, or `whole`. */
    act: { type: 'string' },
    root: { type: 'string' },
  },
});
const items = Number(values.items);

/** As the stack has it. */
const WHOLE_BYTES = 4_000_000_000;
/** MB of the function, and the processors that they are worth. */
const MEMORY = 1769;

const targets = { megabytes: 300, seconds: 300, cpu: 1.3 };

interface Took {
  readonly seconds: number;
  /** Of the processor, user and system. */
  readonly cpu: number;
  readonly megabytes: number;
}

if (values.act === undefined) await bench();
else await act(values.act, values.root ?? '');

async function bench(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-account-'));
  const store = directoryStore(root);
  try {
    const bytes = await makeRun(root, items, values.shuffled);
    console.log(
      `${items} keys, ${(bytes / 1e9).toFixed(1)} GB of result files, ${values.shuffled ? 'shuffled' : 'in the order of ending'}`,
    );
    const work: Work = { folder: { ...directoryLocation(root), prefix: PREFIX }, prefix: `${PREFIX}account/bench/` };
    const pieces: Record<PartsEvent['action'], Took[]> = { plan: [], sort: [], gather: [], write: [], finish: [] };
    const step = async (event: PartsEvent): Promise<void> =>
      void pieces[event.action].push(await inProcess(root, JSON.stringify(event)));
    await step({ action: 'plan', work });
    for (const range of await readWork<NumberedRange[]>(store, work, FILES.ranges))
      await step({ action: 'sort', work, range });
    await step({ action: 'gather', work });
    for (const part of await readWork<PartTask[]>(store, work, FILES.parts))
      await step({ action: 'write', work, part });
    await step({ action: 'finish', work, end: { status: 'FAILED' } });
    const whole = await inProcess(root, 'whole');
    for (const [name, took] of Object.entries(pieces)) {
      const most = (of: (one: Took) => number) => Math.max(...took.map(of));
      console.log(
        `${name.padEnd(7)} ${String(took.length).padStart(4)} pieces, each at most ${most(({ seconds }) => seconds).toFixed(1)} s, ${most(({ cpu }) => cpu).toFixed(1)} s of CPU, ${most(({ megabytes }) => megabytes)} MB`,
      );
    }
    console.log(`whole   ${whole.seconds.toFixed(1)} s, ${whole.cpu.toFixed(1)} s of CPU, ${whole.megabytes} MB`);
    const all = Object.values(pieces).flat();
    // What Node.js takes to start is no piece's work: a function's environment does many of them.
    const start = (await inProcess(root, 'nothing')).cpu;
    const cpu = all.reduce((sum, took) => sum + took.cpu - start, 0);
    const finish = pieces.finish[0]?.cpu ?? 0;
    project(cpu, finish, all.length);
    judge('MB of a piece at most', Math.max(...all.map(({ megabytes }) => megabytes)), { atMost: targets.megabytes });
    judge('seconds of a piece at most', Math.max(...all.map(({ seconds }) => seconds)), { atMost: targets.seconds });
    judge('CPU time of all pieces, in that of one function', cpu / (whole.cpu - start), { atMost: targets.cpu });
  } finally {
    await store.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** What a hundred million keys take, fifty functions at once with one such processor each. */
function project(cpu: number, finish: number, pieces: number): void {
  const times = 100_000_000 / items;
  const seconds = cpu * times;
  const wall = (seconds - finish * times) / 50 + finish * times;
  const calls = pieces * times;
  const none = { children: 0, childGigabyteSeconds: 0, gets: 0, lists: 0, logBytes: calls * 1500, puts: calls * 4 };
  const usage = { ...none, invocations: calls, gigabyteSeconds: (seconds * MEMORY) / 1024, transitions: calls * 2 };
  const { total, lambda } = costOf({ ...usage, gets: calls * 20 });
  console.log(
    `100,000,000 keys: ${(seconds / 3600).toFixed(1)} h of CPU, about ${(wall / 60).toFixed(0)} minutes with 50 functions at once, $${total.toFixed(2)}, of which Lambda $${lambda.toFixed(2)}`,
  );
}

async function inProcess(root: string, what: string): Promise<Took> {
  const args = [import.meta.filename, '--act', what, '--root', root, '--items', String(items)];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  if (text === '') throw new Error(`${what} ended with ${child.exitCode}`);
  return JSON.parse(text) as Took;
}

async function act(what: string, root: string): Promise<void> {
  const start = performance.now();
  const store = directoryStore(root);
  if (what === 'whole') {
    const folder = { ...directoryLocation(root), prefix: PREFIX };
    const { check } = await writeAccount({ store, folder, job: await readJob(store, folder), status: 'FAILED' });
    if (!check.balanced) throw new Error(JSON.stringify(check));
  } else if (what !== 'nothing') {
    const answer = await createPartsAccount({ open: () => store, wholeBytes: WHOLE_BYTES })(
      JSON.parse(what) as PartsEvent,
    );
    if ('balanced' in answer && (!answer.balanced || answer.counts.total !== items))
      throw new Error(JSON.stringify(answer));
  }
  await store.close();
  const { user, system } = process.cpuUsage();
  const seconds = (performance.now() - start) / 1000;
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1000);
  process.stdout.write(JSON.stringify({ seconds, cpu: (user + system) / 1e6, megabytes } satisfies Took));
}
