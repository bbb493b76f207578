// Twenty real images of several formats, and a broken one: from the collection that lies beside the repository.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const IMAGES = process.env['IMAGES'] ?? '../shared/images';

export const TWENTY: readonly string[] = [
  ...Array.from({ length: 8 }, (_, index) => `orientation/Landscape_${index + 1}.jpg`),
  'orientation/orientation-6.png',
  'names/юникод.jpg',
  'photos/22-canon_tags.jpg',
  'photos/DSCN0010.jpg',
  'photos/sony-powershota5.jpg',
  'png/50020484-00001.png',
  'png/blackbug.png',
  'png/rgb16.png',
  'gif/grey-plus-alpha.gif',
  'webp/1.webp',
  'svg/ruby.svg',
  'avif-heic/sample.avif',
];

export const BROKEN = 'broken/truncated.jpg';

/** The file of an image. Throws when the collection is not there. */
export function file(image: string): string {
  const path = join(IMAGES, image);
  if (!existsSync(path))
    throw new Error(`expected the image collection at ${IMAGES} (or in IMAGES), found no ${image}`);
  return path;
}
