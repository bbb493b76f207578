// The JSON document per image that a page can use for srcset.
import { posix } from 'node:path';
import { MANIFEST_NAME } from '../recipe/keys.ts';
import type { Placeholder } from './placeholder.ts';
import type { Rendition, SourceShape } from './transform-types.ts';

/** One format's renditions as `<source>` takes them: `type` and `srcset`, paths relative to the manifest. */
interface SourceElement {
  readonly type: string;
  readonly srcset: string;
}

/** Makes the manifest's bytes: what the source is, every output, and one srcset per format in the recipe's order. */
export function manifestBody(
  key: string,
  source: string,
  shape: SourceShape,
  renditions: readonly Rendition[],
  placeholder: Placeholder | undefined,
): Buffer {
  const folder = posix.dirname(key);
  const outputs = renditions.map(({ name, key: path, body, format, contentType, width, height, pages }) => ({
    name,
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
    sources: sourceElements(outputs),
    outputs,
  };
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

function sourceElements(
  outputs: readonly { format: string; type: string; path: string; width: number | undefined }[],
): SourceElement[] {
  const formats = [...new Set(outputs.map(({ format }) => format))];
  return formats.map((format) => {
    const mine = outputs.filter((output) => output.format === format).sort((a, b) => (a.width ?? 0) - (b.width ?? 0));
    // A small source gives several outputs of one width: a browser needs one of them.
    const distinct = mine.filter((output, place) => output.width !== mine[place - 1]?.width);
    return {
      type: mine[0]?.type ?? '',
      srcset: distinct.map(({ path, width }) => `${encodeURI(path).replaceAll(',', '%2C')} ${width}w`).join(', '),
    };
  });
}

/** The manifest's name among the renditions, its format and media type. */
export const MANIFEST = { name: MANIFEST_NAME, format: 'json', contentType: 'application/json' } as const;
