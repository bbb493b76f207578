// What a decoder is: one record that says which content it takes, and makes of it a file that sharp reads.
import { FanoutError } from '../../contract/errors.ts';
import { PDF_DENSITY } from '../../recipe/names.ts';

/** A kind of source that sharp's own build does not read, as the outcome names it. */
export type DecodedFormat = 'apng' | 'heic' | 'jxl' | 'jp2' | 'bmp' | 'ico' | 'psd' | 'raw' | 'pdf';

/**
 * Is asked before pixels are allocated, with the size that the header tells, and how many frames of it are made. Throws
 * TooManyPixels, TooManyFrames.
 * Packages that tell the size only after decoding are bounded by their process' memory and time.
 */
export type Allow = (width: number, height: number, frames?: number) => void;

/** What is wanted of a file. */
export interface Wanted {
  /** From 0, the one that a viewer shows first. Pages that are not there are never asked for. */
  readonly page: number;
  /** Whether an animation is wanted with all its frames; else its first. */
  readonly frames: boolean;
  /** Pixels to the inch, for what is drawn. */
  readonly density: number;
}

/** An animation's times. */
export interface Timing {
  /** Milliseconds that each frame stays. */
  readonly delay: readonly number[];
  /** How often it plays; 0 for ever. */
  readonly loop: number;
}

/** What a decoder hands over: a file for sharp, upright, with the source's profile and metadata in it. */
export interface Decoded {
  readonly body: Buffer;
  readonly format: 'png' | 'jpeg' | 'tiff';
  /** Pages, images or frames found in the source. */
  readonly pages: number;
  /** Set when the pixels are not the source's own, but a picture of it that the camera put beside them. */
  readonly preview?: true;
  /** Set when the pages of this one file are frames, of which the first alone is read. */
  readonly framed?: true;
  /** Set when `body` holds all frames of an animation, each a page of a TIFF. */
  readonly timing?: Timing;
}

/** One kind of source. Nothing of its package is loaded before a file of that kind comes. */
export interface Decoder {
  readonly format: DecodedFormat;
  /** What a person calls it. */
  readonly title: string;
  /** What `format: "same"` means for opaque pixels of 8 bits, as nobody writes this kind. With alpha or 16 bits it is PNG. */
  readonly same: 'jpeg' | 'png';
  /** Media type of the source itself: an archive hands it on as it is. */
  readonly contentType: string;
  /** Whether a recipe must name it in `allow`. */
  readonly mustBeAllowed?: true;
  /** Whether the pages that it finds are frames of an animation. */
  readonly animates?: true;
  /** Looks at the content, never at a name. */
  readonly takes: (body: Buffer) => boolean;
  /** Throws FanoutError; what a package throws is damage. */
  readonly decode: (body: Buffer, allow: Allow, wanted: Wanted) => Promise<Decoded>;
}

/** The error of a file that is of this kind, but of a variety that is not read. */
export function notRead(title: string, met: string, expected: string): FanoutError {
  return new FanoutError('UnsupportedImage', `${title} with ${met} is not read: expected ${expected}`, {
    expected,
    met,
  });
}

/** The error of a file that contradicts its own format. */
export function damaged(title: string, met: string): FanoutError {
  const expected = `a ${title} file without damage`;
  return new FanoutError('CorruptImage', `the file is damaged: ${met}, expected ${expected}`, { expected, met });
}

/** The first page, and no other frame. */
export const FIRST: Wanted = { page: 0, frames: false, density: PDF_DENSITY };

/** The error of a file whose pixels end before its size says. */
export function endsEarly(title: string): FanoutError {
  const expected = `a complete ${title} file`;
  return new FanoutError('TruncatedImage', `the file ends too early: expected ${expected}`, {
    expected,
    met: 'fewer bytes than its size needs',
  });
}
