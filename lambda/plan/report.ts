// The plan of a run as a document: what `plan --json` prints, and what a plan's execution ends with.
import type { Costs } from '../estimate/costs.ts';
import type { Estimate } from '../estimate/intervals.ts';
import type { ReasonToMake } from '../process/up-to-date.ts';
import type { Census } from './census.ts';
import type { Advice, OnAws } from './on-aws.ts';
import type { ScalePlan } from './scale.ts';

export const PLAN_VERSION = 1;

/** A number of money or time that was told from the sample, with what it rests on. */
export interface RunEstimate {
  readonly seconds: Estimate;
  readonly dollars: Estimate;
}

export interface PlanReport {
  readonly version: typeof PLAN_VERSION;
  readonly source: string;
  readonly destination: string;
  /** Gives the same sample again. */
  readonly seed: number;
  /** Of the whole listing, exactly. */
  readonly listing: Omit<Census, 'strata' | 'collisions' | 'sure' | 'upToDate'>;
  readonly collisions: Census['collisions'];
  readonly sample: {
    readonly drawn: number;
    readonly tried: number;
    readonly strata: number;
    readonly seconds: number;
    /** Resident memory of this process at its peak, in MB. */
    readonly peakMegabytes: number;
  };
  readonly keys: {
    /** Whether these were looked at one by one (`all`), or told from the sample. */
    readonly lookedAt: 'all' | 'sample';
    readonly upToDate: Estimate;
    readonly made: Estimate;
    /** Of those that are made, by reason; a key may have several. */
    readonly why: Readonly<Partial<Record<ReasonToMake, Estimate>>>;
    readonly failed: Estimate;
  };
  /** Extensions that are not what the content is. */
  readonly lies: {
    readonly keys: Estimate;
    readonly examples: readonly { readonly key: string; readonly claims: string; readonly is: string }[];
  };
  /** Failures to expect, by class. */
  readonly failures: readonly {
    readonly error: string;
    /** Of the whole: what is sure from the listing, and what the sample tells. */
    readonly keys: Estimate;
    readonly sure: number;
    readonly examples: readonly { readonly key: string; readonly message: string }[];
  }[];
  readonly tolerance: {
    readonly count: number;
    readonly percentage: number;
    /** Whether failures would stop the run. */
    readonly stops: 'surely' | 'perhaps' | 'no';
  };
  readonly outputs: readonly { readonly name: string; readonly objects: Estimate; readonly bytes: Estimate }[];
  readonly bytesIn: Estimate;
  readonly bytesOut: Estimate;
  readonly storage: { readonly dollarsPerMonth: Estimate };
  readonly cpuSeconds: Estimate;
  readonly aws: RunEstimate & {
    readonly region: string;
    readonly pricesOf: string;
    readonly settings: {
      readonly maxConcurrency: number;
      readonly itemsPerInvocation: number;
      readonly memory: number;
    };
    readonly architecture: string;
    readonly environments: number;
    /** At the middle of the estimate. */
    readonly run: OnAws;
    readonly costs: Costs;
  };
  readonly here: {
    readonly processors: number;
    readonly seconds: Estimate;
    /** S3 requests, where a place is a bucket. */
    readonly dollars: Estimate;
  };
  readonly advice: readonly (Advice | TolerationAdvice)[];
  readonly notEstimated: readonly { readonly what: string; readonly keys?: number }[];
  readonly scale?: ScalePlan;
}

export interface TolerationAdvice {
  readonly setting: 'toleratedFailurePercentage';
  readonly now: number;
  readonly better: number;
  readonly saves?: undefined;
  readonly why: string;
}
