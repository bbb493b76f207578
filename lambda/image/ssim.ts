// Likeness of two images: mean SSIM of their luminance, looked at from where a person would stand.
import type { Sharp } from 'sharp';
import type { Size } from './size.ts';

/** Luminance, one byte a pixel. */
export interface Luma extends Size {
  readonly data: Uint8Array;
}

/** Both are shrunk so that the smaller side has about this many pixels, as the authors of SSIM advise: https://ece.uwaterloo.ca/~z70wang/research/ssim/ */
const VIEWING_SIDE = 256;
const WINDOW = 8;
const STRIDE = 4;
// (0.01 * 255)² and (0.03 * 255)², the paper's constants against division by nearly nothing.
const C1 = 6.5025;
const C2 = 58.5225;

/** The size at which images of a size are compared. */
export function viewingSize({ width, height }: Size): Size {
  const factor = Math.max(1, Math.round(Math.min(width, height) / VIEWING_SIDE));
  return { width: Math.max(1, Math.round(width / factor)), height: Math.max(1, Math.round(height / factor)) };
}

/** The pipeline that gives an image's luminance at the viewing size, transparency on white. */
export function lumaPipeline(image: Sharp, size: Size): Sharp {
  return image
    .flatten({ background: '#ffffff' })
    .greyscale()
    .resize({ ...size, fit: 'fill', fastShrinkOnLoad: false })
    .toColourspace('b-w')
    .extractChannel(0)
    .raw({ depth: 'uchar' });
}

/** Mean SSIM over windows of 8 x 8 pixels every 4, from -1 to 1; 1 for equal images. Both must have one size. */
export function ssim(a: Luma, b: Luma): number {
  const wide = Math.min(WINDOW, a.width);
  const high = Math.min(WINDOW, a.height);
  let sum = 0;
  let windows = 0;
  for (let top = 0; top + high <= a.height; top += STRIDE) {
    for (let left = 0; left + wide <= a.width; left += STRIDE) {
      sum += ssimOfWindow(a, b, left, top, wide, high);
      windows += 1;
    }
  }
  return sum / windows;
}

function ssimOfWindow(a: Luma, b: Luma, left: number, top: number, wide: number, high: number): number {
  let sumA = 0;
  let sumB = 0;
  let squareA = 0;
  let squareB = 0;
  let product = 0;
  for (let y = top; y < top + high; y += 1) {
    const row = y * a.width;
    for (let x = row + left; x < row + left + wide; x += 1) {
      const va = a.data[x] as number;
      const vb = b.data[x] as number;
      sumA += va;
      sumB += vb;
      squareA += va * va;
      squareB += vb * vb;
      product += va * vb;
    }
  }
  const count = wide * high;
  const meanA = sumA / count;
  const meanB = sumB / count;
  const varianceA = squareA / count - meanA * meanA;
  const varianceB = squareB / count - meanB * meanB;
  const covariance = product / count - meanA * meanB;
  return (
    ((2 * meanA * meanB + C1) * (2 * covariance + C2)) /
    ((meanA * meanA + meanB * meanB + C1) * (varianceA + varianceB + C2))
  );
}
