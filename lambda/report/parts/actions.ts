// What the function of an account in parts is asked to do, and what it answers: the states of `lib/account-workflow.ts` by their actions.
import { setFlagsFromString } from 'node:v8';
import { definedOnly } from '../../contract/defined.ts';
import type { Used } from '../../contract/used.ts';
import type { OpenStore } from '../../store/store.ts';
import type { AccountOptions } from '../account.ts';
import { readJob } from '../run-folder.ts';
import { type ShortSummary, shortSummary } from '../short.ts';
import { finishAccount } from './finish.ts';
import { gatherParts } from './gather.ts';
import { planAccount } from './plan.ts';
import { sortRange } from './sort-range.ts';
import { FILES, type NumberedRange, type PartTask, type Plan, readWork, type Work } from './work.ts';
import { writePart } from './write-part.ts';

/** How the run ended, as the summary tells it. */
export type RunEnd = Pick<AccountOptions, 'status' | 'error' | 'cause' | 'started' | 'ended'>;

/** The input of an execution that makes an account in parts. */
export interface PartsInput {
  readonly work: Work;
  readonly end: RunEnd;
  /** The run's name, and the ARN of its execution. */
  readonly run: string;
  readonly executionArn: string;
}

/** One action. */
export type PartsEvent = { readonly work: Work } & (
  | { readonly action: 'plan' | 'gather' }
  | { readonly action: 'sort'; readonly range: NumberedRange }
  | { readonly action: 'write'; readonly part: PartTask }
  | { readonly action: 'finish'; readonly end: RunEnd }
);

export interface PartsDependencies {
  readonly open: OpenStore;
  /** Bytes of result files up to which one function makes the account: ranges and parts are shares of it. */
  readonly wholeBytes: number;
}

/** Keys of the lists that the two Maps go over. */
export interface PlanAnswer {
  readonly ranges: string;
  readonly parts: string;
}

/** Of what one function would do, a range is a 64th, and a part has about a thirteenth of the keys: in bytes a key. */
const RANGE_SHARE = 64;
const PLACE_BYTES = 16_000;

/** The sizes of ranges and parts: those of 4 GB, and smaller where the bound is, as in tests. */
export function sizesOf(wholeBytes: number): { readonly rangeBytes: number; readonly places: number } {
  const within = (value: number, least: number, most: number): number =>
    Math.round(Math.min(most, Math.max(least, value)));
  return {
    rangeBytes: within(wholeBytes / RANGE_SHARE, 16 * 1024, 64 * 1024 * 1024),
    places: within(wholeBytes / PLACE_BYTES, 4, 250_000),
  };
}

/** Makes the handler. Each action can be done again: it writes the same files. */
export function createPartsAccount({
  open,
  wholeBytes,
}: PartsDependencies): (
  event: PartsEvent,
  used?: () => Used,
) => Promise<PlanAnswer | ShortSummary | Record<string, never>> {
  // As in `writeAccount`: hardly an object outlives its row.
  setFlagsFromString('--semi-space-growth-factor=1');
  return async (event, used) => {
    const { work } = event;
    const store = open(work.folder.bucket);
    switch (event.action) {
      case 'plan':
        await planAccount(store, work, sizesOf(wholeBytes));
        return { ranges: work.prefix + FILES.ranges, parts: work.prefix + FILES.parts };
      case 'gather':
        await gatherParts(store, work);
        return {};
      case 'sort': {
        const [plan, job] = [await readWork<Plan>(store, work, FILES.plan), await readJob(store, work.folder)];
        await sortRange(store, work, event.range, job, plan);
        return {};
      }
      case 'write': {
        const [plan, job] = [await readWork<Plan>(store, work, FILES.plan), await readJob(store, work.folder)];
        await writePart(store, work, event.part, plan.places, job);
        return {};
      }
      case 'finish': {
        const job = await readJob(store, work.folder);
        const options = { ...event.end, job, pictures: { open }, ...definedOnly({ used }) };
        return shortSummary(await finishAccount(store, work, options));
      }
    }
  };
}
