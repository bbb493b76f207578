// From an image's manifest the <picture> element that a developer pastes: one per crop, the best format first, the most widely read one last.
import { posix } from 'node:path';
import * as z from 'zod';
import { urlOf } from '../../../lambda/image/manifest.ts';
import { html } from '../../../lambda/report/page/html.ts';

/** A manifest as far as it is needed; the bytes may be those of an earlier version. */
export const manifestSchema = z.looseObject({
  source: z.looseObject({ key: z.string() }),
  placeholder: z.looseObject({ thumbHash: z.string(), dominant: z.string() }).optional(),
  sources: z.array(z.looseObject({ type: z.string(), srcset: z.string(), crop: z.int().optional() })),
  outputs: z.array(
    z.looseObject({
      name: z.string(),
      path: z.string(),
      type: z.string(),
      width: z.int().optional(),
      height: z.int().optional(),
    }),
  ),
});

export type Manifest = z.output<typeof manifestSchema>;

export interface PictureOptions {
  /** The manifest's folder below the destination, without a slash at its end. */
  readonly folder: string;
  /** What URLs begin with, for example `https://img.example.com/`. Default: relative to the destination. */
  readonly base?: string;
  /** The `sizes` attribute. Default: the width of the window, as far as there are pixels. */
  readonly sizes?: string;
  readonly alt?: string;
}

/** The most widely read last: what a browser falls back to. */
const FALLBACK = ['image/avif', 'image/webp', 'image/gif', 'image/png', 'image/jpeg'];

/** Width in pixels of the image for what reads no srcset. */
const PLAIN_WIDTH = 1024;

/** The elements, as lines of HTML. None for a manifest without a srcset. */
export function pictures(manifest: Manifest, options: PictureOptions): string[] {
  const crops = Map.groupBy(manifest.sources, ({ crop, srcset }) => crop ?? shapeOf(manifest, srcset));
  return [...crops.values()].map((sources) => picture(manifest, sources, options));
}

type Source = Manifest['sources'][number];

function picture({ outputs, placeholder }: Manifest, sources: readonly Source[], options: PictureOptions): string {
  const { folder, base = '', alt = '' } = options;
  const url = (path: string) => base + relative(folder, path);
  const known = (source: Source) =>
    candidatesOf(source.srcset).flatMap(({ path, width }) => {
      const output = outputs.find((one) => urlOf(one.path) === path);
      return output === undefined ? [] : [{ path, width, height: output.height }];
    });
  const ordered = [...sources].sort((a, b) => FALLBACK.indexOf(a.type) - FALLBACK.indexOf(b.type));
  const last = ordered.at(-1);
  const all = last === undefined ? [] : known(last);
  const widest = all.reduce((width, one) => Math.max(width, one.width), 0);
  const largest = all.find(({ width }) => width === widest);
  const plain = all.findLast(({ width }) => width <= PLAIN_WIDTH) ?? all[0];
  const sizes = options.sizes ?? `(max-width: ${widest}px) 100vw, ${widest}px`;
  const set = (source: Source) =>
    candidatesOf(source.srcset)
      .map(({ path, width }) => `${url(path)} ${width}w`)
      .join(', ');
  const elements = ordered
    .slice(0, -1)
    .map((source) => html`  <source type="${source.type}" srcset="${set(source)}" sizes="${sizes}">\n`);
  const colour = placeholder === undefined || !/^#[0-9a-f]{6}$/i.test(placeholder.dominant) ? undefined : placeholder;
  const img = html`  <img src="${url(plain?.path ?? '')}" srcset="${last === undefined ? '' : set(last)}" sizes="${sizes}"${largest !== undefined && html` width="${largest.width}" height="${largest.height}"`} alt="${alt}" loading="lazy" decoding="async"${colour !== undefined && html` style="background: ${colour.dominant}" data-thumbhash="${colour.thumbHash}"`}>\n`;
  return html`<picture>\n${elements}${img}</picture>`.markup;
}

/** Of manifests that do not say which crop a srcset is of: those of one shape are taken for one. */
function shapeOf({ outputs }: Manifest, srcset: string): string {
  const [first] = candidatesOf(srcset);
  const { width = 1, height = 1 } = outputs.find(({ path }) => urlOf(path) === first?.path) ?? {};
  return (width / height).toFixed(1);
}

/** `a/320.avif 320w, …`: URLs hold neither a comma nor white space (`urlOf`). */
function candidatesOf(srcset: string): { readonly path: string; readonly width: number }[] {
  return srcset.split(', ').flatMap((candidate) => {
    const [, path, width] = /^(\S+) (\d+)w$/.exec(candidate) ?? [];
    return path === undefined ? [] : [{ path, width: Number(width) }];
  });
}

/** A URL that is relative to the manifest, relative to the destination. */
export function relative(folder: string, path: string): string {
  return posix.normalize(posix.join(folder === '' ? '.' : urlOf(folder), path));
}
