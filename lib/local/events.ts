// What an execution tells while it runs, for progress displays and reports.
import type { Json } from '../states-language.ts';
import type { Counts } from './counts.ts';
import type { ChildEnd } from './records.ts';

/** What DescribeMapRun tells, and where the account is. */
export interface MapRunSummary {
  readonly arn: string;
  readonly status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  /** In items. */
  readonly itemCounts: Counts;
  /** In child executions. */
  readonly executionCounts: Counts;
  /** Where manifest.json is; absent without a ResultWriter. */
  readonly manifest?: ManifestPlace;
}

export interface ManifestPlace {
  readonly bucket: string;
  readonly key: string;
}

export type ExecutionEvent =
  /** The probe is written, and the listing begins. */
  | { readonly type: 'mapRunStarted'; readonly state: string; readonly arn: string; readonly manifest?: ManifestPlace }
  /** How many items are known so far; with `complete` it is all of them. */
  | { readonly type: 'listed'; readonly items: number; readonly complete: boolean }
  | { readonly type: 'childStarted'; readonly name: string; readonly input: Json }
  /** As in the result files, with Input and Output parsed. */
  | { readonly type: 'childEnded'; readonly record: ChildEnd }
  /** A stop came before its work: it is as if it had not been started. */
  | { readonly type: 'childReturned'; readonly name: string }
  /** From here on nothing is started. */
  | { readonly type: 'thresholdExceeded'; readonly failed: number }
  | ({ readonly type: 'mapRunEnded'; readonly state: string } & MapRunSummary);
