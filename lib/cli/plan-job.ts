// The plan of a job as written: prepared without writing, with what a deployed stack says of itself.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryLocation, isDirectory } from '../../lambda/contract/location.ts';
import type { Architecture } from '../../lambda/estimate/costs.ts';
import { createTransform } from '../../lambda/image/transform.ts';
import { askedFor } from '../../lambda/job/asked.ts';
import { parseJob } from '../../lambda/job/job.ts';
import { makePlan, type PlanOptions, type PlanProgress } from '../../lambda/plan/plan.ts';
import type { PlanReport } from '../../lambda/plan/report.ts';
import { prepareJob } from '../../lambda/prepare/prepare.ts';
import { formatCount } from '../../lambda/report/units.ts';
import { openStores } from '../../lambda/store/open.ts';
import { defaultConcurrency } from './execute.ts';
import { itemsFor, openJobItems } from './job-items.ts';
import { newRunId } from './run-id.ts';
import { withStandardInput } from './standard-input.ts';

/** `maxConcurrency` on AWS of a job and a stack that do not say. */
const AWS_CONCURRENCY = 100;
/** Milliseconds between two lines of progress. */
const TELL_EVERY = 250;

/** Where a plan is for. */
export type Where = 'aws' | 'here';

export interface PlanRequest
  extends Pick<
    PlanOptions,
    'sample' | 'sampleMilliseconds' | 'seed' | 'mostListed' | 'keys' | 'within' | 'memory' | 'environments' | 'region'
  > {
  readonly input: Record<string, unknown>;
  /** Default: here between directories, else aws. */
  readonly on?: Where | undefined;
  readonly architecture?: Architecture | undefined;
  readonly stack?: string | undefined;
  readonly quiet: boolean;
}

/** Makes the plan. Throws InvalidJob, and what listing throws. */
export async function planJob(request: PlanRequest): Promise<{ readonly report: PlanReport; readonly where: Where }> {
  const { input, quiet, stack: name, on, ...given } = request;
  await using list = await withStandardInput(input);
  const stores = openStores();
  // Only for the list of a sample, and the like.
  const scratch = await mkdtemp(join(tmpdir(), 'image-fanout-'));
  try {
    const stack = name === undefined ? undefined : await stackFacts(name);
    const parsed = parseJob(askedFor(list.input).job);
    const source = parsed.source ?? stack?.source;
    const destination = parsed.destination ?? stack?.destination;
    const between =
      source !== undefined && destination !== undefined && isDirectory(source) && isDirectory(destination);
    const where = on ?? (between ? 'here' : 'aws');
    const defaults = {
      ...(stack === undefined ? {} : { source: stack.source, destination: stack.destination, results: stack.results }),
      maxConcurrency: stack?.maxConcurrency ?? (where === 'aws' ? AWS_CONCURRENCY : defaultConcurrency()),
    };
    const dependencies = { open: stores.open, defaults, itemsOf: itemsFor(stores.open) };
    const job = await prepareJob(parsed, newRunId(), dependencies, directoryLocation(scratch));
    const { signal } = new AbortController();
    const region = given.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
    const report = await makePlan({
      ...given,
      job,
      region,
      open: stores.open,
      transform: createTransform(),
      pages: async () => (await openJobItems(job, stores.open, signal)).pages({ count: 0 }),
      // A run here has more in flight than one on AWS would be given.
      maxConcurrency: where === 'aws' ? job.maxConcurrency : (parsed.maxConcurrency ?? AWS_CONCURRENCY),
      memory: given.memory ?? stack?.memory,
      environments: given.environments ?? stack?.environments,
      architecture: given.architecture ?? stack?.architecture,
      signal,
      onProgress: quiet || !process.stderr.isTTY ? undefined : progressLine(),
    });
    if (!quiet && process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    return { report, where };
  } finally {
    await stores.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

function progressLine(): (progress: PlanProgress) => void {
  let told = 0;
  return ({ listed, tried, drawn }) => {
    if (performance.now() - told < TELL_EVERY) return;
    told = performance.now();
    const text =
      drawn === 0 ? `${formatCount(listed)} keys listed` : `${formatCount(listed)} keys, ${tried} of ${drawn} tried`;
    process.stderr.write(`\r\u001b[K${text}`);
  };
}

/** What a deployed stack says: its places, and what its image function is and has room for. */
async function stackFacts(name: string) {
  const { findStack } = await import('./cloud/stack.ts');
  const { GetFunctionConfigurationCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const { roomOf } = await import('../../lambda/handlers/room.ts');
  const stack = await findStack(name);
  const lambda = new LambdaClient();
  const { MemorySize, Architectures } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: stack.processFunctionName }),
  );
  const architecture: Architecture = Architectures?.[0] === 'x86_64' ? 'x86_64' : 'arm64';
  return { ...stack, architecture, memory: MemorySize, environments: await roomOf(lambda, stack.processFunctionName) };
}
