// What became of one key: the value that handlers answer with, result files hold and reports count.
import type { Used } from './used.ts';

/** The object that was read. */
export interface SourceFacts {
  /** Without quotes. */
  readonly etag: string;
  /** What was downloaded. */
  readonly bytes: number;
  /** What the content is (not what the extension says), for example `jpeg`; absent when it was not decoded. */
  readonly format?: string;
  /** Pixels, after orientation. */
  readonly width?: number;
  /** Pixels, after orientation. */
  readonly height?: number;
  /** Pages or frames in it, where there is more than one. */
  readonly pages?: number;
  /** The pixels are not the sensor's, but the camera's own picture of them, embedded in a raw file. */
  readonly preview?: true;
  /** The source has an HDR gain map. */
  readonly gainMap?: true;
}

/** What an output of an image is; the manifest has neither size nor quality. */
export interface RenditionFacts {
  /** The name of the output in the recipe. */
  readonly name: string;
  /** For example `jpeg`. */
  readonly format: string;
  /** Which page or frame it shows, from 1, when each is an output of its own. */
  readonly page?: number;
  /** Pixels. */
  readonly width?: number;
  /** Pixels. */
  readonly height?: number;
  /** Frames in it, where there is more than one. */
  readonly pages?: number;
  /** The source's HDR gain map is in it. */
  readonly gainMap?: true;
  /** The encoder's, where a contract chose it. */
  readonly quality?: number;
  /** Likeness to what was to be encoded, from 0 to 1, where a contract asks for it. */
  readonly ssim?: number;
}

/** One object that was written (or found up to date). */
export interface OutputFacts extends RenditionFacts {
  /** Full key in the destination bucket, or path below the destination directory. */
  readonly key: string;
  /** Its size. */
  readonly bytes: number;
  /** True when the bytes were there already and nothing was written. */
  readonly upToDate?: true;
}

/** Milliseconds per stage of one key. */
export interface StageTimes {
  /** Until the source was here. */
  readonly read: number;
  /** Decoding, operations, encoding. */
  readonly transform: number;
  /** Until the outputs were there. */
  readonly write: number;
  /** From the start of the key to its end. */
  readonly total: number;
}

interface OutcomeOf<Status extends string> {
  readonly status: Status;
  /** Place in the input order, from 0. */
  readonly index: number;
  readonly key: string;
}

/** How many outputs, and how many bytes. */
export interface OutputTotals {
  /** Outputs that were written. */
  readonly written: number;
  /** Outputs that were there already. */
  readonly upToDate: number;
  /** Written. */
  readonly bytes: number;
}

/** Every output of the key is written, or was up to date. */
export interface Succeeded extends OutcomeOf<'succeeded'> {
  /** What was read. */
  readonly source: SourceFacts;
  /** In the recipe's order. */
  readonly outputs: readonly OutputFacts[];
  /** What it took. */
  readonly ms: StageTimes;
  /** Totals of outputs that are not listed, as the answer of the batch would not have fit; `{}` when not even these did. */
  readonly notListed?: Partial<OutputTotals>;
  /** What a page can show before the image is there. `thumbHash` is base64, `dominant` a #rrggbb colour. */
  readonly placeholder?: { readonly thumbHash: string; readonly dominant: string };
  /** Keys of pages that an earlier version of the source had and this one has not: they are left there, and are current no more. */
  readonly leftover?: readonly string[];
}

/** How many outputs a key has, listed or not; what is not known counts as 0. */
export function outputTotals({ outputs, notListed }: Pick<Succeeded, 'outputs' | 'notListed'>): OutputTotals {
  let { written = 0, upToDate = 0, bytes = 0 } = notListed ?? {};
  for (const output of outputs) {
    if (output.upToDate) upToDate++;
    else {
      written++;
      bytes += output.bytes;
    }
  }
  return { written, upToDate, bytes };
}

/** `excluded`: a glob of `exclude` matches; `notIncluded`: none of `include` does; `notCurrent`: an inventory row of an old version or a delete marker; `outsideSource`: one of a key not below the source's prefix. */
export type SkipReason = 'upToDate' | 'folderMarker' | 'excluded' | 'notIncluded' | 'notCurrent' | 'outsideSource';

/** Nothing was to be done for the key. */
export interface Skipped extends OutcomeOf<'skipped'> {
  /** Why. */
  readonly reason: SkipReason;
}

/** The key failed for good: its outputs are not as the recipe asks for. */
export interface Failed extends OutcomeOf<'failed'> {
  /** A class of ours, or the name that Lambda or Step Functions gave, such as `Sandbox.Timedout`. */
  readonly error: string;
  /** One sentence for a person, with the key in it. */
  readonly message: string;
  /** What was expected, where the class has a limit or a shape. */
  readonly expected?: string;
  /** What was met instead. */
  readonly met?: string;
  /** What was read, as far as it came. */
  readonly source?: SourceFacts;
  /** What it took, as far as it came. */
  readonly ms?: StageTimes;
}

/** Not started, because the run stopped first. Only batches and reports need to say so. */
export interface Pending extends OutcomeOf<'pending'> {}

/** What became of one key. */
export type Outcome = Succeeded | Skipped | Failed | Pending;

/** What became of a key, in as few characters as can be, by its place in the batch. */
export type BriefOutcome =
  | readonly ['s']
  | readonly ['s', written: number, upToDate: number, bytesOut: number, bytesIn: number, milliseconds: number]
  | readonly ['k', SkipReason]
  | readonly ['f', error: string]
  | readonly ['p'];

/** What a child execution answers with: one outcome per item of its batch, in item order. */
export interface ProcessResult {
  readonly outcomes: readonly Outcome[];
  /** In place of `outcomes`, which are none then, where the whole would not fit into Step Functions' payload. */
  readonly brief?: readonly BriefOutcome[];
  /** What the invocation used, where it tells: the deployed function does. */
  readonly used?: Used;
}
