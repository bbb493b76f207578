// A resolved recipe: plain JSON with every preset merged, width expanded and default filled in. What the image room works from.
import type { Encoders } from './encoders.ts';
import type { FormatName, UntrustedFormat } from './names.ts';
import type { Operations } from './operations.ts';

export type { Encoders } from './encoders.ts';
export type { FormatName, OperationName, UntrustedFormat } from './names.ts';
export type { Operations, Overlay } from './operations.ts';

/** What happens to EXIF, XMP, IPTC and ICC. */
export type MetadataPolicy = 'strip' | 'keep' | 'keepIcc';

/** One output: what the image becomes after the shared operations. */
export interface Output {
  readonly name: string;
  readonly key: string;
  readonly operations: Operations;
  /** The candidates: one, or several of which the smallest is kept. `same` is the source's own. */
  readonly formats: readonly (FormatName | 'same')[];
  readonly encoders: Encoders;
  readonly metadata: MetadataPolicy;
  readonly copyright: boolean;
  /** Keeps the HDR gain map of a JPEG in a JPEG. */
  readonly keepGainMap?: true | undefined;
  readonly keepLossless: boolean;
  readonly maxBytes?: number | undefined;
  readonly minSsim?: number | undefined;
  readonly onLarger: 'keep' | 'original' | 'fail';
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
}

/** The recipe as the handler gets it. */
export interface Recipe {
  /** Shared by all outputs and applied first. */
  readonly operations: Operations;
  readonly outputs: readonly Output[];
  readonly colour: 'srgb' | 'keep' | 'p3';
  readonly animated: 'keep' | 'first' | 'fail';
  /** Of sources with several pages: the first, unless said otherwise. */
  readonly pages?: 'all' | 'fail' | undefined;
  /** Pixels to the inch at which pages of a PDF are drawn, unless said otherwise `PDF_DENSITY`. */
  readonly density?: number | undefined;
  readonly salvage: boolean;
  readonly allow: readonly UntrustedFormat[];
  readonly placeholder: boolean;
  readonly manifest?: { readonly key: string; readonly cacheControl?: string | undefined } | undefined;
}
