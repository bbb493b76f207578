// What goes into the image room and what comes out: plain data, so that it crosses to another process as it is.
import type { Limits } from '../contract/limits.ts';
import type { RenditionFacts } from '../contract/outcome.ts';
import type { Recipe } from '../recipe/types.ts';
import type { Placeholder } from './placeholder.ts';

export interface TransformInput {
  readonly body: Buffer;
  /** Key of the source below its prefix: what output keys are made of. */
  readonly key: string;
  readonly recipe: Recipe;
  readonly limits: Limits;
  readonly signal?: AbortSignal | undefined;
  /** Watermark images by their reference in the recipe, see `overlayReferences`. */
  readonly overlays?: ReadonlyMap<string, Buffer> | undefined;
}

/** What the source is: its format by content (jpeg, png, webp, gif, tiff, avif, heic, svg, …), pixels upright. */
export interface SourceShape {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  /** Frames, when there are several. */
  readonly pages?: number;
  /** The pixels are the camera's preview in a raw file. */
  readonly preview?: true;
  /** It has an HDR gain map. */
  readonly gainMap?: true;
}

/** One object to write. */
export interface Rendition extends RenditionFacts {
  /** Below the destination's prefix. */
  readonly key: string;
  readonly body: Buffer;
  readonly contentType: string;
  /** Milliseconds from the first need of its pixels to its last byte; side by side with others. */
  readonly milliseconds: number;
  readonly cacheControl?: string;
  readonly storageClass?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Transformed {
  readonly source: SourceShape;
  /** In the recipe's order, the manifest last. */
  readonly renditions: readonly Rendition[];
  readonly placeholder?: Placeholder;
}

/** The image room's one function. */
export type Transform = (input: TransformInput) => Promise<Transformed>;
