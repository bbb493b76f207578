// The engine's own cost: a million items through a handler that does nothing, against another interpreter alone. Fails when a target is missed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, execPath, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { directoryLocation } from '../lambda/contract/location.ts';
import { openStores } from '../lambda/store/open.ts';
import { startExecution } from '../lib/local/execution.ts';
import type { StateMachineDefinition } from '../lib/states-language.ts';
import { READERS, workflow } from '../lib/workflow.ts';
import { FUNCTIONS, idleHandlers } from './engine/handlers.ts';
import { listingStore } from './engine/listing.ts';

const MOST_MEGABYTES = 300;
const MOST_RATIO = 5;

interface Measurement {
  readonly seconds: number;
  /** Of both kinds, over all threads. */
  readonly cpuSeconds: number;
  readonly megabytes: number;
  readonly firstBeforeEnd?: boolean;
}

/** The item processor of the real definition in aws-local-stepfunctions, a million times, one after the other. */
async function interpreterAlone(items: number): Promise<Measurement> {
  const { StateMachine } = await import('aws-local-stepfunctions');
  const { StartAt, States } = mapOf(workflow({ functions: FUNCTIONS })).ItemProcessor;
  const machine = new StateMachine({ StartAt, States } as never, { validationOptions: { noValidate: true } });
  const overrides = { taskResourceLocalHandlers: { [StartAt]: async () => ({ outcomes: [] }) } };
  const context = { Execution: { Id: 'arn:aws:states:::express:bench/Listed:child', RedriveCount: 0 } };
  const started = performance.now();
  for (let index = 0; index < items; index += 1) {
    const input = { BatchInput: { run: { bucket: 'b', key: 'k' } }, Items: [{ index, item: { Key: `${index}.jpg` } }] };
    await machine.run(input, { context, overrides }).result;
  }
  return measured(started);
}

/** The whole run: listing, selector, batches, children, result files, manifest. */
async function engine(items: number): Promise<Measurement> {
  const directory = await mkdtemp(join(tmpdir(), 'image-fanout-bench-'));
  const { bucket } = directoryLocation(directory);
  const stores = openStores();
  const prepared = {
    reader: { kind: 'LIST', bucket: 'source', prefix: '' },
    ...{ maxConcurrency: 64, toleratedFailureCount: 0, toleratedFailurePercentage: 100, itemsPerInvocation: 1 },
    run: { bucket, key: '.image-fanout/runs/bench/job.json' },
    results: { bucket, prefix: '.image-fanout/runs/bench' },
  };
  const source = listingStore(items);
  let first = 0;
  let listed = 0;
  const started = performance.now();
  const execution = startExecution({
    definition: workflow({ functions: FUNCTIONS }),
    ...{ input: {}, name: 'bench', handlers: idleHandlers(prepared) },
    openStore: (name) => (name === 'source' ? source : stores.open(name)),
    onEvent(event) {
      if (event.type === 'childStarted') first ||= performance.now();
      if (event.type === 'listed' && event.complete) listed = performance.now();
    },
  });
  const { status, mapRun, cause } = await execution.result;
  const measurement = { ...measured(started), firstBeforeEnd: first < listed };
  await stores.close();
  await rm(directory, { recursive: true });
  if (status !== 'SUCCEEDED' || mapRun?.itemCounts.succeeded !== items) {
    throw new Error(`Expected ${items} successes, got ${status} ${cause ?? ''} ${JSON.stringify(mapRun?.itemCounts)}`);
  }
  return measurement;
}

function measured(started: number): Measurement {
  // Linux and macOS through libuv: kilobytes.
  const { user, system } = process.cpuUsage();
  return {
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    megabytes: process.resourceUsage().maxRSS / 1024,
  };
}

function mapOf({ States }: StateMachineDefinition) {
  const state = States[READERS.LIST.state];
  if (state?.Type !== 'Map') throw new Error('The definition has no Map state for listings');
  return state;
}

/** Each part in a process of its own, so that its memory is its own. */
async function inProcess(part: 'interpreter' | 'engine', items: number): Promise<Measurement> {
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
  const child = spawn(execPath, [fileURLToPath(import.meta.url), part, String(items)], { stdio: [...stdio] });
  const exited = once(child, 'exit');
  const answer = await Promise.race([once(child, 'message'), exited.then(() => undefined)]);
  const [code] = await exited;
  if (answer === undefined || code !== 0) throw new Error(`The part '${part}' ended with ${code}`);
  return answer[0] as Measurement;
}

const [, , part, count = '1000000'] = argv;
const items = Number(count);
if (part === 'interpreter' || part === 'engine') {
  process.send?.(await (part === 'engine' ? engine(items) : interpreterAlone(items)), () => exit(0));
} else {
  const items = Number(part ?? '1000000');
  const bare = await inProcess('interpreter', items);
  const whole = await inProcess('engine', items);
  const ratio = whole.seconds / bare.seconds;
  const targets = [
    { name: 'peak resident memory', value: `${whole.megabytes.toFixed(0)} MB`, ok: whole.megabytes <= MOST_MEGABYTES },
    { name: 'time to aws-local-stepfunctions alone', value: `${ratio.toFixed(2)} x`, ok: ratio <= MOST_RATIO },
    { name: 'first child before listing ends', value: String(whole.firstBeforeEnd), ok: whole.firstBeforeEnd === true },
  ];
  console.log(
    `${items} items: aws-local-stepfunctions alone ${bare.seconds.toFixed(1)} s, engine ${whole.seconds.toFixed(1)} s`,
  );
  for (const { name, value, ok } of targets) console.log(`${ok ? 'ok  ' : 'MISS'} ${name}: ${value}`);
  exit(targets.every(({ ok }) => ok) ? 0 : 1);
}
