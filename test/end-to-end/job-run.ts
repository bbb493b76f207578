// One job from listing to account in this process: the real definition, engine, handlers and stores; only the terminal is left out.
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import type { Location } from '../../lambda/contract/location.ts';
import { createTransform, type Transform } from '../../lambda/image/transform.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import { createProcess, type Process } from '../../lambda/process/process.ts';
import type { ItemRow } from '../../lambda/report/item-row.ts';
import { exitCodeOf } from '../../lambda/report/status.ts';
import { ITEMS_JSONL, type Summary } from '../../lambda/report/summary.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { execute, type Running } from '../../lib/cli/execute.ts';
import type { Json } from '../../lib/states-language.ts';

export interface Where {
  readonly source: Location;
  readonly destination: Location;
  readonly open: OpenStore;
}

export interface JobRunOptions {
  readonly run?: string;
  readonly transform?: Transform;
  /** As the command line prepares, which asks servers what S3 itself is known for. */
  readonly engine?: 'embedded';
  /** Stands around the handler: to watch it, or to act at a moment. */
  readonly around?: (process: Process) => Process;
  readonly onFailure?: (key: string) => void;
  readonly onStarted?: (running: Running) => void;
}

export interface JobRun {
  readonly summary: Summary;
  readonly code: number;
  /** The account, one row per key. */
  readonly rows: readonly ItemRow[];
}

let runs = 0;
const inProcess = createTransform();

/** Runs the job to its end. Throws when Prepare refuses it. */
export async function runJob(where: Where, job: JobInput, options: JobRunOptions = {}): Promise<JobRun> {
  const { source, destination, open } = where;
  const { transform = inProcess, around = (process) => process } = options;
  const running = execute({
    run: options.run ?? `run-${++runs}`,
    input: job as Json,
    open,
    prepare: createPrepare({
      ...{ open, defaults: { source, destination, maxConcurrency: 4 } },
      ...(options.engine === undefined ? {} : { engine: options.engine }),
    }),
    process: around(createProcess({ open, transform, imageConcurrency: 2 })),
    doneBefore: 0,
    onPrepareFailed: () => {},
    onThresholdExceeded: () => {},
    onFailure: ({ key }) => options.onFailure?.(key),
  });
  options.onStarted?.(running);
  const ended = await running.ended;
  if (!('summary' in ended)) throw new Error(`${ended.error}: ${ended.cause}`);
  const { summary } = ended;
  const { results } = summary.job;
  const lines = await text(await open(results.bucket).open(results.prefix + ITEMS_JSONL));
  const rows = lines.split('\n').slice(0, -1);
  return { summary, code: exitCodeOf(summary), rows: rows.map((line) => JSON.parse(line) as ItemRow) };
}

/** Part of the places, so that many runs can share them. */
export function within(where: Where, folder: string): Where {
  const below = ({ bucket, prefix }: Location): Location => ({ bucket, prefix: `${prefix}${folder}/` });
  return { source: below(where.source), destination: below(where.destination), open: where.open };
}

const made = new Map<string, Promise<Buffer>>();

/** A small image of one colour, made once. */
export function tinyImage(format: 'jpeg' | 'png' | 'webp' = 'jpeg', red = 100, width = 24): Promise<Buffer> {
  const name = `${format} ${red} ${width}`;
  const image =
    made.get(name) ??
    sharp({ create: { width, height: 16, channels: 3, background: { r: red, g: 120, b: 40 } } })
      .toFormat(format)
      .toBuffer();
  made.set(name, image);
  return image;
}

/** One small output per key, the cheapest there is. */
export const TINY = {
  outputs: [{ name: 'tiny', format: 'jpeg', resize: { width: 8 }, key: '{dir}{name}.{ext}.{format}' }],
} satisfies JobInput['recipe'];
