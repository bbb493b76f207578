// The account of a million keys: its peak memory, and its time beside reading and parsing the same files and nothing else.
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { directoryLocation } from '../lambda/contract/location.ts';
import type { Outcome } from '../lambda/contract/outcome.ts';
import { failureOf } from '../lambda/job/wire.ts';
import { writeAccount } from '../lambda/report/account.ts';
import { readJob } from '../lambda/report/run-folder.ts';
import { directoryStore } from '../lambda/store/directory.ts';
import { preparedJob } from '../test/helpers/prepared-job.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    /** Records in no order at all, rather than in the order in which children end. */
    shuffled: { type: 'boolean', default: false },
    /** What a process that this bench starts does: `read` or `account`. */
    act: { type: 'string' },
    root: { type: 'string' },
  },
});

const PREFIX = 'runs/bench/';
const KINDS = ['SUCCEEDED', 'FAILED', 'PENDING'] as const;
const items = Number(values.items);

if (values.act === undefined) await bench();
else await act(values.act, values.root ?? '');

async function bench(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-account-'));
  try {
    const bytes = await makeRun(root);
    console.log(
      `${items} keys, ${Math.round(bytes / 1e6)} MB of result files, ${values.shuffled ? 'shuffled' : 'in the order of ending'}`,
    );
    const measured: Record<'read' | 'account', Act[]> = { read: [], account: [] };
    for (let round = 0; round < 3; round++) {
      for (const name of ['read', 'account'] as const) measured[name].push(await inProcess(name, root));
    }
    for (const [name, acts] of Object.entries(measured)) {
      console.log(
        `${name.padEnd(8)} ${acts.map(({ seconds, megabytes }) => `${seconds.toFixed(1)} s, ${megabytes} MB`).join('; ')}`,
      );
    }
    const ratios = measured.account.map(
      ({ seconds }, round) => seconds / (measured.read[round]?.seconds ?? Number.NaN),
    );
    console.log(
      `the account takes ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} times as long as reading and parsing`,
    );
    judge('MB resident at most', Math.max(...measured.account.map(({ megabytes }) => megabytes)), { atMost: 300 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

interface Act {
  readonly seconds: number;
  readonly megabytes: number;
}

/** Each act has a process of its own, so that its peak is its own. */
async function inProcess(name: string, root: string): Promise<Act> {
  const child = spawn(
    process.execPath,
    [import.meta.filename, '--act', name, '--root', root, '--items', String(items)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  if (text === '') throw new Error(`${name} ended with ${child.exitCode}`);
  return JSON.parse(text) as Act;
}

async function act(name: string, root: string): Promise<void> {
  const start = performance.now();
  if (name === 'read') await readAll(root);
  else await account(root);
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(JSON.stringify({ seconds, megabytes: Math.round(process.resourceUsage().maxRSS / 1000) }));
}

async function account(root: string): Promise<void> {
  const folder = { ...directoryLocation(root), prefix: PREFIX };
  const store = directoryStore(root);
  const job = await readJob(store, folder);
  const { check, counts } = await writeAccount({ store, folder, job, listed: items });
  await store.close();
  if (!check.balanced || counts.total !== items) throw new Error(`Not balanced: ${JSON.stringify({ check, counts })}`);
}

/** What cannot be saved: every line, and the JSON in it. */
async function readAll(root: string): Promise<void> {
  let parsed = 0;
  for (const kind of KINDS) {
    const lines = createInterface({ input: createReadStream(join(root, PREFIX, 'uuid', `${kind}_0.jsonl`)) });
    for await (const line of lines) {
      const { Input, Output } = JSON.parse(line) as { Input: string; Output?: string };
      JSON.parse(Input);
      if (Output !== undefined) JSON.parse(Output);
      parsed++;
    }
  }
  if (parsed !== items) throw new Error(`Read ${parsed} of ${items}`);
}

/** Writes the run's folder: 98 of 100 keys succeeded, one failed, one is pending. Answers the bytes. */
async function makeRun(root: string): Promise<number> {
  const job = preparedJob(root, PREFIX, { maxConcurrency: 100, toleratedFailureCount: 100_000_000 });
  const folder = join(root, PREFIX, 'uuid');
  await mkdir(folder, { recursive: true });
  await writeFile(join(root, PREFIX, 'job.json'), JSON.stringify(job));
  let bytes = 0;
  const files: Record<string, { Key: string; Size: number }[]> = {};
  for (const [remainder, kind] of KINDS.entries()) {
    const path = join(folder, `${kind}_0.jsonl`);
    await pipeline(records(remainder), createWriteStream(path));
    const { size } = await stat(path);
    bytes += size;
    files[kind] = [{ Key: `${PREFIX}uuid/${kind}_0.jsonl`, Size: size }];
  }
  await writeFile(
    join(folder, 'manifest.json'),
    JSON.stringify({ DestinationBucket: directoryLocation(root).bucket, MapRunArn: 'arn', ResultFiles: files }),
  );
  return bytes;
}

async function* records(kind: number): AsyncGenerator<string> {
  let text = '';
  for (let place = 0; place < items; place++) {
    const index = values.shuffled ? Number((BigInt(place) * 611_953n) % BigInt(items)) : asEnded(place);
    const last = index % 100;
    if (kind !== (last === 98 ? 1 : last === 99 ? 2 : 0)) continue;
    text += `${JSON.stringify(record(kind, index, place))}\n`;
    if (text.length < 1 << 20) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** A hundred children at once end in an order of their own: each hundred is turned around. */
function asEnded(place: number): number {
  const start = place - (place % 100);
  return Math.min(start + 99, items - 1) - (place - start);
}

function record(kind: number, index: number, place: number): Record<string, unknown> {
  const key = `albums/${Math.floor(index / 1000)}/photo-${index}.jpg`;
  const item = {
    Etag: '"9a0364b9e99bb480dd25e1f0284c8555"',
    Key: key,
    LastModified: 1_700_000_000,
    Size: 2_345_678,
    StorageClass: 'STANDARD',
  };
  const Input = JSON.stringify({
    BatchInput: { run: { bucket: 'results', key: `${PREFIX}job.json` } },
    Items: [{ index, item }],
  });
  if (kind === 2) return { Input, InputDetails: { Included: true }, Status: 'PENDING' };
  const at = (milliseconds: number) => new Date(1_800_000_000_000 + place * 10 + milliseconds).toISOString();
  const base = {
    ExecutionArn: `arn:aws:states:eu-west-1:123456789012:express:Fanout/Listed:uuid:${index}`,
    Input,
    InputDetails: { Included: true },
    Name: String(index),
    StartDate: at(0),
    StopDate: at(115),
  };
  if (kind === 1) {
    const error = failureOf([
      { status: 'failed', index, key, error: 'TruncatedImage', message: `${key} ends after 10 of 20 kB` },
    ]);
    return {
      ...base,
      Cause: JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: [] }),
      Error: error.name,
      Status: 'FAILED',
    };
  }
  const outcome: Outcome = {
    status: 'succeeded',
    index,
    key,
    source: { etag: '9a0364b9e99bb480dd25e1f0284c8555', bytes: 2_345_678, format: 'jpeg', width: 4000, height: 3000 },
    outputs: [640, 1280].map((width) => ({
      name: `w${width}`,
      key: `web/${key}-${width}.webp`,
      bytes: width * 80,
      format: 'webp',
      width,
      height: (width * 3) / 4,
    })),
    ms: { read: 12.3, transform: 80.1 + (index % 977), write: 22.2, total: 114.6 + (index % 977) },
  };
  return {
    ...base,
    Output: JSON.stringify({ outcomes: [outcome] }),
    OutputDetails: { Included: true },
    Status: 'SUCCEEDED',
  };
}
