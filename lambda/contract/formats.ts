// The kinds of images that are read by packages of their own, which an installation may leave out: by name, package and extensions.

/** What is resolved of a package shows whether it is installed. */
interface OptionalFormat {
  /** As npm names it. */
  readonly package: string;
  /** What of it is imported. */
  readonly entry: string;
  /** Extensions of such files, for the default `include`; none for what a recipe must allow first. */
  readonly extensions: readonly string[];
}

/** Each by the name that outcomes have for it. */
export const OPTIONAL_FORMATS = {
  heic: {
    package: 'libheif-js',
    entry: 'libheif-js/libheif-wasm/libheif-bundle.js',
    extensions: ['heic', 'heif', 'hif'],
  },
  jxl: { package: 'jxl-oxide-wasm', entry: 'jxl-oxide-wasm/package.json', extensions: ['jxl'] },
  jp2: {
    package: '@cornerstonejs/codec-openjpeg',
    entry: '@cornerstonejs/codec-openjpeg/decodewasmjs',
    extensions: ['j2k', 'jp2', 'jpf', 'jpx'],
  },
  pdf: { package: '@hyzyla/pdfium', entry: '@hyzyla/pdfium', extensions: [] },
} as const satisfies Record<string, OptionalFormat>;

export type OptionalFormatName = keyof typeof OPTIONAL_FORMATS;
export const OPTIONAL_FORMAT_NAMES = Object.keys(OPTIONAL_FORMATS) as readonly OptionalFormatName[];

/** What the image function reads unless its stack says otherwise: PDF must be allowed by a recipe first, and weighs most. */
export const DEFAULT_FORMATS: readonly OptionalFormatName[] = ['heic', 'jxl', 'jp2'];

/** Reads a list with commas, `none` for none. Throws a RangeError that names what is not known. */
export function parseFormats(text: string): OptionalFormatName[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'none');
  const unknown = names.find((name) => !Object.hasOwn(OPTIONAL_FORMATS, name));
  if (unknown !== undefined)
    throw new RangeError(`expected none or some of ${OPTIONAL_FORMAT_NAMES.join(', ')}, got ${unknown}`);
  return OPTIONAL_FORMAT_NAMES.filter((name) => names.includes(name));
}
