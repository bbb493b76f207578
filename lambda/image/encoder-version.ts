// Which encoders make the bytes: part of each output's fingerprint, as another build may give other bytes.
import { sharp } from './sharp.ts';

/** Versions of sharp and of the libraries behind its encoders, in one line. */
export function encoderVersion(): string {
  const {
    sharp: own,
    vips,
    mozjpeg,
    webp,
    aom,
    heif,
    cgif,
    imagequant,
    png,
    tiff,
  } = sharp.versions as Record<string, string | undefined>;
  return Object.entries({ sharp: own, vips, mozjpeg, webp, aom, heif, cgif, imagequant, png, tiff })
    .map(([name, version]) => `${name} ${version ?? '-'}`)
    .join(', ');
}
