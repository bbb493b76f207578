// A run as the command line starts one, over stores that a bench has wrapped: for what no option of the command line can do.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { createTransform } from '../../lambda/image/transform.ts';
import { createPrepare } from '../../lambda/prepare/prepare.ts';
import { createProcess } from '../../lambda/process/process.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';
import { defaultConcurrency, execute } from '../../lib/cli/execute.ts';
import { newRunId } from '../../lib/cli/run-id.ts';

export interface EngineJob {
  readonly source: string;
  readonly destination: string;
  /** A recipe's file. */
  readonly recipe: string;
}

/** Runs a job in this process with all defaults of the command line. Throws when a key did not succeed. */
export async function runWithStores({ recipe, ...places }: EngineJob, wrap: (store: Store) => Store): Promise<void> {
  const stores = openStores();
  const wrapped = new Map<string, Store>();
  const open: OpenStore = (bucket) => {
    const store = wrapped.get(bucket) ?? wrap(stores.open(bucket));
    wrapped.set(bucket, store);
    return store;
  };
  try {
    const ended = await execute({
      run: newRunId(),
      input: { ...places, recipe: JSON.parse(await readFile(recipe, 'utf8')) },
      open,
      prepare: createPrepare({ open, defaults: { maxConcurrency: defaultConcurrency() } }),
      process: createProcess({ open, transform: createTransform(), imageConcurrency: availableParallelism() + 1 }),
      doneBefore: 0,
      onPrepareFailed: ({ message }) => console.error(message),
      onThresholdExceeded: () => console.error('The run stops'),
      onFailure: ({ key, message }) => console.error(`${key}: ${message}`),
    }).ended;
    if (!('summary' in ended)) throw new Error(`${ended.error}: ${ended.cause}`);
    const { counts } = ended.summary;
    if (counts.succeeded !== counts.total) throw new Error(`Not all succeeded: ${JSON.stringify(counts)}`);
  } finally {
    await stores.close();
  }
}
