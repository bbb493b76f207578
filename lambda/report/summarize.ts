// Summarize: the account of a Map Run that succeeded; its short form is the output of the execution.
import type { SummarizeEvent } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';
import { writeAccount } from './account.ts';
import { readJob } from './run-folder.ts';
import { type ShortSummary, shortSummary } from './short.ts';

export interface SummarizeDependencies {
  readonly open: OpenStore;
  /** Of node, sharp, libvips and every codec, where the caller knows them. */
  readonly versions?: Readonly<Record<string, string>>;
}

export type Summarize = (event: SummarizeEvent) => Promise<ShortSummary>;

/** Makes the handler: writes the account into the run's folder, where the result files are, and answers its short form. */
export function createSummarize({ open, versions }: SummarizeDependencies): Summarize {
  return async ({ results }) => {
    const store = open(results.bucket);
    const folder = { bucket: results.bucket, prefix: `${results.prefix}/` };
    const job = await readJob(store, folder);
    const summary = await writeAccount({
      store,
      folder,
      job,
      status: 'SUCCEEDED',
      ...(versions === undefined ? {} : { versions }),
    });
    return shortSummary(summary);
  };
}
