// The JSON document per image that a page can use for srcset.
import { posix } from 'node:path';
import { MANIFEST_NAME } from '../recipe/keys.ts';
import type { Placeholder } from './placeholder.ts';
import type { Rendition, SourceShape } from './transform-types.ts';

/** One format's renditions as `<source>` takes them: `type` and `srcset`, paths relative to the manifest. */
interface SourceElement {
  /** Which picture it is, from 0, where an image has several: no browser may choose between them. */
  readonly crop?: number;
  readonly type: string;
  /** Which page or frame it shows, where each is an output of its own. */
  readonly page?: number;
  readonly srcset: string;
}

/**
 * Makes the manifest's bytes: what the source is, every output, and a srcset per format and crop in the recipe's order.
 * `crops` says of each output, by its name, what its picture is but for the size.
 */
export function manifestBody(
  key: string,
  source: string,
  shape: SourceShape,
  renditions: readonly Rendition[],
  placeholder: Placeholder | undefined,
  crops: ReadonlyMap<string, string>,
): Buffer {
  const folder = posix.dirname(key);
  const outputs = renditions.map(({ name, key: path, body, format, contentType, width, height, page, pages }) => ({
    name,
    ...(page === undefined ? {} : { page }),
    path: folder === '.' ? path : posix.relative(folder, path),
    type: contentType,
    format,
    bytes: body.length,
    width,
    height,
    ...(pages === undefined ? {} : { pages }),
  }));
  const document = {
    source: { key: source, ...shape },
    ...(placeholder === undefined ? {} : { placeholder }),
    sources: sourceElements(outputs.map((output) => ({ ...output, crop: crops.get(output.name) ?? '' }))),
    outputs,
  };
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

interface Listed {
  readonly format: string;
  readonly page?: number | undefined;
  readonly type: string;
  readonly path: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** What the picture is but for its size. */
  readonly crop: string;
}

/** One element per format, crop and page: a browser takes those of one srcset for the same picture. */
function sourceElements(outputs: readonly Listed[]): SourceElement[] {
  const groups: Listed[][] = [];
  for (const output of outputs) {
    const group = groups.find(
      ([first]) => first?.format === output.format && first.page === output.page && sameCrop(first, output),
    );
    if (group === undefined) groups.push([output]);
    else group.push(output);
  }
  const crops: Listed[] = [];
  const cropOf = (listed: Listed): number => {
    const known = crops.findIndex((crop) => crop.page === listed.page && sameCrop(crop, listed));
    return known < 0 ? crops.push(listed) - 1 : known;
  };
  const places = groups.map((group) => cropOf(group[0] as Listed));
  return groups.map((group, at) => {
    const mine = group.sort((a, b) => (a.width ?? 0) - (b.width ?? 0));
    // A small source gives several outputs of one width: a browser needs one of them.
    const distinct = mine.filter((output, place) => output.width !== mine[place - 1]?.width);
    return {
      ...(crops.length > 1 ? { crop: places[at] as number } : {}),
      type: mine[0]?.type ?? '',
      ...(mine[0]?.page === undefined ? {} : { page: mine[0].page }),
      srcset: distinct.map(({ path, width }) => `${urlOf(path)} ${width}w`).join(', '),
    };
  });
}

/** Whether two outputs show the same picture: made alike, in the same proportions but for a side that was rounded by a pixel. */
function sameCrop(a: Listed, b: Listed): boolean {
  if (a.crop !== b.crop) return false;
  const [width, height] = [a.width ?? 0, a.height ?? 0];
  const [otherWidth, otherHeight] = [b.width ?? 0, b.height ?? 0];
  return Math.abs(width * otherHeight - otherWidth * height) <= Math.max(width, height, otherWidth, otherHeight);
}

/** A path as a relative URL within srcset, where a comma and white space part candidates. RFC 3986, sections 3.3 and 4.2. */
export function urlOf(path: string): string {
  const url = path.split('/').map(encodeURIComponent).join('/');
  // A colon in the first segment would be a scheme; encodeURIComponent writes it as %3A, which servers may read as itself.
  return url.replaceAll('%3A', ':').replace(/^(?=[^/]*:)/, './');
}

/** The manifest's name among the renditions, its format and media type. */
export const MANIFEST = { name: MANIFEST_NAME, format: 'json', contentType: 'application/json' } as const;
