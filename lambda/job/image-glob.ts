// Which keys of a listing are images by their names: what `include` is for listings unless the job says otherwise.
import { createRequire } from 'node:module';
import { OPTIONAL_FORMAT_NAMES, OPTIONAL_FORMATS, type OptionalFormatName } from '../contract/formats.ts';

/** What sharp and our own decoders read, and what people call images. */
const EXTENSIONS = [
  'avif,bmp,dib,gif,ico,jfif,jpe,jpeg,jpg,png,psb,psd,svg,svgz,tif,tiff,webp',
  'arw,cr2,cr3,dng,nef,orf,raf,rw2',
].join(',');

/** The glob of what an installation reads that has these packages. Of ours alone case does not count, as cameras write .JPG. */
export function imageGlob(formats: readonly OptionalFormatName[]): string {
  const more = OPTIONAL_FORMAT_NAMES.filter((name) => formats.includes(name)).flatMap(
    (name): readonly string[] => OPTIONAL_FORMATS[name].extensions,
  );
  return `**/*.{${[EXTENSIONS, ...more].join(',')}}`;
}

/** The glob of all images. */
export const IMAGE_GLOB = imageGlob(OPTIONAL_FORMAT_NAMES);

/** Every subset of the packages makes a glob of ours. */
const GLOBS = new Set(
  Array.from({ length: 2 ** OPTIONAL_FORMAT_NAMES.length }, (_, set) =>
    imageGlob(OPTIONAL_FORMAT_NAMES.filter((__, place) => (set & (1 << place)) !== 0)),
  ),
);

/** Whether a glob is one of ours. */
export function isImageGlob(glob: string): boolean {
  return GLOBS.has(glob);
}

/** The packages that are installed here. */
export function installedFormats(resolve = createRequire(import.meta.url).resolve): OptionalFormatName[] {
  return OPTIONAL_FORMAT_NAMES.filter((name) => {
    try {
      resolve(OPTIONAL_FORMATS[name].entry);
      return true;
    } catch {
      return false;
    }
  });
}

/** Every key: `include` for keys that were named one by one, in `keys` or in a manifest. */
export const ANY_GLOB = '**';
