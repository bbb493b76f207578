// Summarize: the account of a Map Run that succeeded; its short form is the output of the execution.
import { definedOnly } from '../contract/defined.ts';
import type { Used } from '../contract/used.ts';
import type { SummarizeEvent } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';
import { writeAccount } from './account.ts';
import { messageOf } from './cause.ts';
import { IN_PARTS, isTooLarge } from './parts/too-large.ts';
import { readJob } from './run-folder.ts';
import { type ShortSummary, shortSummary } from './short.ts';
import { type ItemCounts, type WithoutAccount, withoutAccount } from './without-account.ts';

export interface SummarizeDependencies {
  readonly open: OpenStore;
  /** Of node, sharp, libvips and every codec, where the caller knows them. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Bytes of result files up to which the account is made here. Default: any. */
  readonly wholeBytes?: number;
  /** What Step Functions counted, by the Map Run's ARN. Default: nobody knows. */
  readonly itemCounts?: (mapRunArn: string) => Promise<ItemCounts | undefined>;
}

export type Summarize = (event: SummarizeEvent, used?: () => Used) => Promise<ShortSummary | WithoutAccount>;

/**
 * Makes the handler: writes the account into the run's folder, where the result files are, and answers its short form. Given
 * the failure of an earlier try that was the last (`accountFailure`), it answers what is known without the account: images
 * that are all processed are no failed run.
 */
export function createSummarize({
  open,
  versions,
  itemCounts,
  wholeBytes = Number.POSITIVE_INFINITY,
}: SummarizeDependencies): Summarize {
  return async ({ results, mapRun, accountFailure }, used) => {
    const store = open(results.bucket);
    const folder = { bucket: results.bucket, prefix: `${results.prefix}/` };
    const without = async (why: { readonly name: string; readonly message: string }): Promise<WithoutAccount> =>
      withoutAccount({
        run: results.prefix.split('/').at(-1) ?? '',
        executionStatus: 'SUCCEEDED',
        folder,
        why,
        counts: await itemCounts?.(mapRun.MapRunArn),
      });
    if (accountFailure !== undefined)
      return without({ name: accountFailure.Error, message: messageOf(accountFailure.Cause) });
    if (await isTooLarge(store, folder, wholeBytes))
      return without({
        name: IN_PARTS,
        message: 'too large for one function: it is made in parts, and the topic is told then',
      });
    const job = await readJob(store, folder);
    const summary = await writeAccount({
      store,
      folder,
      job,
      status: 'SUCCEEDED',
      pictures: { open },
      ...definedOnly({ versions, used }),
    });
    return shortSummary(summary);
  };
}
