// What Prepare hands on: the prepared job that a run is made of, and the small state that walks through the workflow.
import type { Breaker, Guards, Ramp } from '../contract/guards.ts';
import type { Limits } from '../contract/limits.ts';
import type { Location } from '../contract/location.ts';
import type { Used } from '../contract/used.ts';
import type { Recipe } from '../recipe/recipe.ts';

/** Which item reader lists the keys. Each has a Distributed Map state of its own, as ReaderConfig knows no paths. */
export type Reader =
  | { readonly kind: 'LIST'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'CSV' | 'JSON' | 'JSONL' | 'S3_INVENTORY'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'KEYS' };

/** A listing without a Prefix, which no service is asked to take when it is empty: only in the state, where `LIST` stands in the job. */
export interface BucketReader {
  readonly kind: 'BUCKET';
  readonly bucket: string;
}

export type ReaderKind = Reader['kind'] | BucketReader['kind'];

/**
 * A job with every default filled in and every name resolved: `job.json` in the run's folder. Written once by Prepare,
 * read by every invocation (and by reports and resume), never changed: so a child's input stays small.
 */
export interface PreparedJob {
  readonly version: 1;
  /** The run's id: the execution's name. */
  readonly run: string;
  /** Where it runs, so that whoever reads the account is told how to carry on there. Absent: on Step Functions. */
  readonly engine?: 'embedded';
  /** What prices depend on, of a run on Step Functions. */
  readonly deployment?: Deployment;
  /** A directory by its real path, whichever links led there. */
  readonly source: Location;
  /** Other places that stand for the source in what earlier runs wrote: the path as typed, and where it was. Absent: none. */
  readonly sourceAliases?: readonly Location[];
  readonly destination: Location;
  /** The run's folder: `prefix` ends in `/`. Step Functions' result files are below it. */
  readonly results: Location;
  readonly reader: Reader;
  /** Only for inline keys: the items themselves. */
  readonly keys?: readonly string[];
  /** What part of the keys the run is of: the first so many, or a sample of so many as there were. Absent: all. */
  readonly part?: { readonly first?: number; readonly sample?: number; readonly of?: number };
  /** The preset's name, when the job named one. */
  readonly preset?: string;
  readonly recipe: Recipe;
  readonly existing: 'skip' | 'replace' | 'fail';
  /** Whether each output of a key is looked at before it counts as up to date. Absent: no. */
  readonly verify?: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly limits: Limits;
  readonly maxConcurrency: number;
  /** What the job or the stack asked for, where the image function has room for less. */
  readonly maxConcurrencyAsked?: number;
  readonly toleratedFailureCount: number;
  readonly toleratedFailurePercentage: number;
  readonly itemsPerInvocation: number;
  readonly ramp?: Ramp;
  readonly breaker?: Breaker;
  /** US dollars. */
  readonly maxCost?: number;
  /** Milliseconds. */
  readonly deadline?: number;
  readonly canary?: Canary;
}

/** What the price of a run depends on, as Prepare finds it. */
export interface Deployment {
  readonly region: string;
  readonly architecture: 'arm64' | 'x86_64';
  /** MB of the image function. */
  readonly memory: number;
  /** What Prepare itself used until it wrote this. */
  readonly prepare: Used;
}

/** Keys that go first. */
export interface Canary {
  /** As the reader would give them. */
  readonly items: readonly unknown[];
  /** What the whole run tolerates, in share. */
  readonly toleratedFailurePercentage: number;
}

/** The state after Prepare: what the paths of the workflow point into. */
export interface PreparedState {
  readonly reader: Reader | BucketReader;
  /** Only for inline keys: the items themselves. */
  readonly keys?: readonly string[];
  readonly maxConcurrency: number;
  readonly toleratedFailureCount: number;
  readonly toleratedFailurePercentage: number;
  readonly itemsPerInvocation: number;
  /** Absent: none. */
  readonly guards?: Guards;
  /** What the canary's Map takes its settings from; `kind` is what decides whether there is one. */
  readonly canary:
    | { readonly kind: 'NONE' }
    | (Canary & {
        readonly kind: 'CANARY';
        readonly maxConcurrency: number;
        readonly toleratedFailureCount: number;
        /** ResultWriter's, without a trailing slash. */
        readonly prefix: string;
      });
  /** Where the prepared job lies: handed to every child as BatchInput. */
  readonly run: { readonly bucket: string; readonly key: string };
  /** ResultWriter's Parameters: `prefix` without a trailing slash, as Step Functions adds `/<map run's uuid>/`. */
  readonly results: { readonly bucket: string; readonly prefix: string };
}

/** The state after Prepare, where only a plan was asked for: `{"plan": true}` beside the job's fields. */
export interface PlanState {
  readonly reader: { readonly kind: 'PLAN' };
  /** Nothing is tried before a plan. */
  readonly canary: { readonly kind: 'NONE' };
  readonly run: PreparedState['run'];
}

/** Whether only a plan was asked for. */
export function isPlanState(state: PreparedState | PlanState): state is PlanState {
  return state.reader.kind === 'PLAN';
}

/** What the image function is given instead of keys where a plan was asked for. */
export interface PlanEvent {
  readonly plan: PreparedState['run'];
}

/** What the image function is given: a child execution's input, ItemBatcher's shape around ItemSelector's, and whose it is. */
export interface ProcessEvent {
  /** `$$.Execution.Id`: the child's ARN, for logs. */
  readonly child?: string;
  /** `$$.Execution.StartTime`: when the child's `CHILD_SECONDS` began. */
  readonly childStarted?: string;
  /** `$$.Execution.RedriveCount` of the child. Default: 0. */
  readonly redrives?: number;
  /** How an earlier call ended that had not the time for all keys, in Catch's words: what it did is done. */
  readonly cut?: { readonly Error: string; readonly Cause: string };
  readonly BatchInput: {
    readonly run: { readonly bucket: string; readonly key: string };
    /** `$$.Execution.StartTime` and `$$.Execution.RedriveCount` of the run. Default: now, 0. */
    readonly started?: string;
    readonly redrives?: number;
  };
  readonly Items: readonly SelectedItem[];
}

export interface SelectedItem {
  /** `$$.Map.Item.Index`: the place in the input order. */
  readonly index: number;
  /** `$$.Map.Item.Value`: a listed object, a CSV or inventory row, a JSON value, or a key. */
  readonly item: unknown;
}

/** What Prepare is given by the workflow. */
export interface PrepareEvent {
  /** The execution's input as it came: a job, or what stands for one. */
  readonly input: unknown;
  readonly execution: { readonly id?: string; readonly name: string; readonly startTime: string };
}

/** The Map state's output, at `$.mapRun` for Summarize. */
export interface MapRunResult {
  readonly MapRunArn: string;
  readonly ResultWriterDetails: { readonly Bucket: string; readonly Key: string };
}

/** What Summarize is given; `accountFailure` is the end of its own last try, in Catch's words. */
export type SummarizeEvent = PreparedState & {
  readonly mapRun: MapRunResult;
  readonly accountFailure?: { readonly Error: string; readonly Cause: string };
};

/** Name of the file that says when the topic was told of the run's end, and under which message id. */
export const TOLD_FILE = 'told.json';

/** The folder of a canary's result files in the run's folder. */
export const CANARY_FOLDER = 'canary/';

/** Name of the prepared job's file in the run's folder. */
export const JOB_FILE = 'job.json';

/** Name of the file that stands in a run's usual folder when its results are elsewhere: `{"results": …}`, the folder as a Location. */
export const ELSEWHERE_FILE = 'elsewhere.json';
