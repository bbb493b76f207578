// One key tried: looked at, read and made for real, and nothing of it written.
import { toFanoutError } from '../contract/errors.ts';
import { isolatedCpuMilliseconds } from '../image/isolated.ts';
import { sniff } from '../image/sniff.ts';
import type { Transform } from '../image/transform.ts';
import { itemOf, keyOf } from '../job/item.ts';
import { decide } from '../process/outputs.ts';
import { type JobContext, type Plan, planOf, type ReasonToMake, whyToMake } from '../process/up-to-date.ts';
import { formatByName } from './census.ts';

/** What became of a key that was tried. */
export type Trial =
  | { readonly status: 'upToDate'; readonly key: string }
  | (Work & {
      readonly status: 'made';
      readonly why: readonly ReasonToMake[];
      /** Objects that would be written, with their bytes. */
      readonly outputs: readonly { readonly name: string; readonly bytes: number }[];
    })
  | (Work & {
      readonly status: 'failed';
      readonly error: string;
      readonly transient: boolean;
      readonly message: string;
    });

interface Work {
  readonly key: string;
  /** Bytes that were read. */
  readonly bytes: number;
  /** What the content is, where it was read. */
  readonly format?: string;
  /** CPU time of the image work. */
  readonly cpuMilliseconds: number;
  /** Wall time of reading and of image work. */
  readonly milliseconds: { readonly read: number; readonly transform: number };
}

/** Tries one item. Never throws for what is wrong with it; throws when `signal` aborts. Nothing else may work meanwhile: the CPU time is the process's. */
export async function tryOut(
  context: JobContext,
  value: unknown,
  transform: Transform,
  signal: AbortSignal,
): Promise<Trial> {
  const { job, source } = context;
  const work = {
    key: keyOf(value, job.reader.kind),
    bytes: 0,
    cpuMilliseconds: 0,
    milliseconds: { read: 0, transform: 0 },
  };
  let format: string | undefined;
  const done = () => ({ ...work, ...(format === undefined ? {} : { format }) });
  try {
    const item = itemOf(value, job.reader.kind);
    const plan = planOf(context, item);
    const why = await whyToMake(context, item, signal);
    if (why.length === 0) return { status: 'upToDate', key: item.key };
    await checkOutputs(context, plan, signal);
    const { renditions } = await withCpu(work, async () => {
      const begun = performance.now();
      const { body } = await source.read(item.key, { maxBytes: job.limits.bytes, signal });
      const read = performance.now();
      work.milliseconds.read = read - begun;
      work.bytes = body.length;
      const found = sniff(body);
      if (found.kind === 'image') format = found.format;
      const overlays = new Map([...context.overlays].map(([name, overlay]) => [name, overlay.body]));
      const input = { body, key: plan.relative, recipe: job.recipe, limits: job.limits, signal, overlays };
      try {
        const transformed = await transform(input);
        format = transformed.source.format;
        return transformed;
      } finally {
        work.milliseconds.transform = performance.now() - read;
      }
    });
    const outputs = renditions.map(({ name, body: made }) => ({ name, bytes: made.length }));
    return { ...done(), status: 'made', why, outputs };
  } catch (thrown) {
    signal.throwIfAborted();
    const { name, transient, message } = toFanoutError(thrown);
    return { ...done(), status: 'failed', error: name, transient, message };
  }
}

/** Adds the CPU time of the work, that of processes of its own among it. */
async function withCpu<T>(sum: { cpuMilliseconds: number }, work: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage();
  const isolated = isolatedCpuMilliseconds();
  try {
    return await work();
  } finally {
    const { user, system } = process.cpuUsage(cpu);
    sum.cpuMilliseconds += (user + system) / 1000 + isolatedCpuMilliseconds() - isolated;
  }
}

/** Looks at what is there of the outputs. Throws OutputCollision and OutputExists, as the run would. */
async function checkOutputs({ job, destination }: JobContext, plan: Plan, signal: AbortSignal): Promise<void> {
  const mine = { source: plan.uri, fingerprint: '', run: job.run };
  for (const key of plan.keys) {
    if (key !== undefined) decide(key, await destination.head(key, { signal }), mine, job.existing, plan.uris);
  }
}

/** The format that a name claims and the content is not; undefined when it tells the truth, or claims nothing. */
export function lieOf({ key, format }: Pick<Work, 'key' | 'format'>): string | undefined {
  const claimed = formatByName(key);
  if (format === undefined || !CLAIMS.has(claimed) || claimed === format) return undefined;
  // What was not decoded is known by its container only, which is the same of both.
  if (format === 'heif' && (claimed === 'avif' || claimed === 'heic')) return undefined;
  return claimed;
}

/** Extensions that say for sure what is inside. */
const CLAIMS = new Set([
  'jpeg',
  'png',
  'webp',
  'gif',
  'tiff',
  'avif',
  'heic',
  'svg',
  'bmp',
  'ico',
  'jxl',
  'jp2',
  'psd',
  'pdf',
]);
