// A run's folder with as many records as one likes, as Step Functions leaves it: for the benches of accounts.
import { createWriteStream } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { directoryLocation } from '../../lambda/contract/location.ts';
import type { Outcome } from '../../lambda/contract/outcome.ts';
import { failureOf } from '../../lambda/job/wire.ts';
import { preparedJob } from '../../test/helpers/prepared-job.ts';

/** The run's folder below the root. */
export const PREFIX = 'runs/bench/';
export const KINDS = ['SUCCEEDED', 'FAILED', 'PENDING'] as const;

/** Writes the run's folder: 98 of 100 keys succeeded, one failed, one is pending. Answers the bytes. */
export async function makeRun(root: string, items: number, shuffled: boolean): Promise<number> {
  const job = preparedJob(root, PREFIX, { maxConcurrency: 100, toleratedFailureCount: 100_000_000 });
  const folder = join(root, PREFIX, 'uuid');
  await mkdir(folder, { recursive: true });
  await writeFile(join(root, PREFIX, 'job.json'), JSON.stringify(job));
  let bytes = 0;
  const files: Record<string, { Key: string; Size: number }[]> = {};
  for (const [remainder, kind] of KINDS.entries()) {
    const path = join(folder, `${kind}_0.jsonl`);
    await pipeline(records(remainder, items, shuffled), createWriteStream(path));
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

async function* records(kind: number, items: number, shuffled: boolean): AsyncGenerator<string> {
  let text = '';
  for (let place = 0; place < items; place++) {
    const index = shuffled ? Number((BigInt(place) * 611_953n) % BigInt(items)) : asEnded(place, items);
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
function asEnded(place: number, items: number): number {
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
