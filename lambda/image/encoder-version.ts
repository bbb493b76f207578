// Which encoders make the bytes: part of each output's fingerprint, as another build may give other bytes.
import { sharp } from './sharp.ts';

/**
 * The version of our own renderer: of all that lies between a recipe and the encoders. Raise it by one with every change
 * after which the same source and recipe may give other bytes (a fix of pixels, sizes, metadata, frames, or of a
 * default): then what earlier versions made is stale, and the next run makes it again. It is no release's number.
 */
const RENDERER_VERSION = 4;

/** sharp, and the libraries behind its encoders, as `sharp.versions` names them. */
const ENCODERS = ['sharp', 'vips', 'mozjpeg', 'webp', 'aom', 'heif', 'cgif', 'imagequant', 'png', 'tiff'];

/** Versions of our own renderer, of sharp, and of the libraries behind its encoders, in one line. */
export function encoderVersion(): string {
  const versions: Record<string, string | undefined> = { ...sharp.versions };
  return [`renderer ${RENDERER_VERSION}`, ...ENCODERS.map((name) => `${name} ${versions[name] ?? '-'}`)].join(', ');
}
