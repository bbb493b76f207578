// A source image as it is known before a pixel of it is decoded.
import type { Metadata, SharpOptions } from 'sharp';
import type { DecodedFormat } from './decoders/decoder.ts';
import type { SourceFormat } from './sniff.ts';

/** What is used of all that sharp tells about a file before it is decoded. */
export type Header = Pick<
  Metadata,
  | 'width'
  | 'height'
  | 'autoOrient'
  | 'space'
  | 'depth'
  | 'hasAlpha'
  | 'hasProfile'
  | 'icc'
  | 'orientation'
  | 'pages'
  | 'pageHeight'
  | 'delay'
  | 'loop'
  | 'compression'
  | 'exif'
  | 'xmp'
  | 'iptc'
  | 'comments'
>;

/** A source that sharp itself does not read: `body` is what its decoder made of it. */
export interface DecodedFrom {
  readonly format: DecodedFormat;
  readonly same: 'jpeg' | 'png';
  readonly contentType: string;
  /** The source's own bytes. */
  readonly file: Buffer;
  /** Pages, images or frames found. */
  readonly pages: number;
  readonly preview?: true;
}

/** A source, known but not decoded. */
export interface SourceImage {
  readonly body: Buffer;
  readonly format: SourceFormat;
  readonly metadata: Header;
  /** What sharp opens: `body`, or what says the same so that libvips understands it. */
  readonly opened: Buffer;
  /** Pages or frames in the file, whether they are made or not. */
  readonly found: number;
  /** Where sharp finds the pages of a TIFF: what is a smaller copy or a mask of another is none. */
  readonly places?: readonly number[];
  /** Pixels of one frame, upright when the recipe says so. */
  readonly width: number;
  readonly height: number;
  /** Frames of an animation that can be read, else 1: pages of a TIFF are no frames. */
  readonly frames: number;
  /** Whether what is found are frames of an animation, and no pages. */
  readonly framed: boolean;
  readonly vector: boolean;
  /** A JPEG with an HDR gain map beside its picture. */
  readonly gainMap?: true;
  /** Bytes of the source itself. */
  readonly bytes: number;
  /** What the source is when a decoder made `body` of it. */
  readonly decoded?: DecodedFrom;
  /** How sharp is to open it. */
  readonly options: SharpOptions;
}
