// The image work of one key in this process: header, plan, pixels, encoders; then keys, weights and the manifest.
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import { askedSize, expandKey } from '../recipe/keys.ts';
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Output } from '../recipe/types.ts';
import { isClean } from './clean.ts';
import { needsCarrier } from './colour.ts';
import { type Encoded, isDeep } from './encode.ts';
import { imageFailure } from './failure.ts';
import { formatName } from './header.ts';
import { type ImageJob, runner } from './job.ts';
import { keptAsItIs } from './kept.ts';
import { MANIFEST, manifestBody } from './manifest.ts';
import { namesOf } from './operations.ts';
import { checkCount, checkSum, foundIn, shareOf } from './pages.ts';
import { render } from './render.ts';
import type { SourceFormat } from './sniff.ts';
import { pageOf, readSource } from './source.ts';
import type { SourceImage } from './source-image.ts';
import type { Rendition, SourceShape, Transformed, TransformInput } from './transform-types.ts';

/** Transforms an image whose format is known, in this process. Throws FanoutError. */
export async function transformHere(input: TransformInput, format: SourceFormat): Promise<Transformed> {
  const { body, key, recipe, limits, signal, overlays = new Map() } = input;
  const source = await readSource(body, format, recipe, limits);
  const run = runner(limits, signal);
  const job = jobOf({ key, source, recipe, limits, overlays, run });
  try {
    const shares = recipe.outputs.map((output) => shareOf(source, recipe, output).pages);
    const pages = Math.max(...shares);
    checkCount(pages, limits);
    const { outputs, placeholder } = await render(job);
    const shape = shapeOf(source);
    const made = recipe.outputs.map((output, place) => [
      rendition(job, output, outputs[place] as Result, shares[place] === 1 ? undefined : 1),
    ]);
    const spread = [...recipe.outputs.keys()].filter((place) => shares[place] !== 1);
    const others = { ...recipe, outputs: spread.map((place) => recipe.outputs[place] as Output), placeholder: false };
    let pixels = source.width * source.height;
    for (let page = 1; page < pages; page += 1) {
      const one = jobOf({ ...job, source: await pageOf(source, page, recipe, limits), recipe: others });
      pixels += one.source.width * one.source.height;
      checkSum(pixels, page + 1, limits);
      const results = await render(one);
      for (const [place, output] of others.outputs.entries()) {
        made[spread[place] as number]?.push(rendition(one, output, results.outputs[place] as Result, page + 1));
      }
    }
    const renditions = made.flat();
    if (pages > 1) refuseTwins(renditions);
    if (recipe.manifest !== undefined) renditions.push(manifest(job, shape, renditions, placeholder));
    return { source: shape, renditions, ...(placeholder === undefined ? {} : { placeholder }) };
  } catch (error) {
    throw imageFailure(error, format, body);
  }
}

type Result = Encoded & { readonly milliseconds: number };

function jobOf(job: Omit<ImageJob, 'deep' | 'carrier'>): ImageJob {
  const { source, recipe } = job;
  const deep = source.metadata.depth !== 'uchar' && recipe.outputs.some((output) => wantsDeep(output, source));
  return { ...job, deep, carrier: needsCarrier(recipe, deep) };
}

/** Throws RecipeMismatch where two pages have one key, as `{width}{page}` may give. */
function refuseTwins(renditions: readonly Rendition[]): void {
  const keys = new Set<string>();
  for (const { name, key } of renditions) {
    if (keys.has(key)) {
      const expected = 'a key of its own for each page';
      throw new FanoutError('RecipeMismatch', `output "${name}": expected ${expected}, got ${key} twice`, {
        expected,
        met: `${key} twice`,
      });
    }
    keys.add(key);
  }
}

function wantsDeep(output: Output, source: SourceImage): boolean {
  return output.formats.some((format) => {
    const name = format === 'same' ? formatName(source) : format;
    return Object.hasOwn(FORMATS, name) && isDeep(output, name as FormatName);
  });
}

function shapeOf(source: SourceImage): SourceShape {
  const { width, height, decoded } = source;
  const pages = foundIn(source);
  return {
    format: formatName(source),
    width,
    height,
    ...(pages > 1 ? { pages } : {}),
    ...(decoded?.preview === true ? { preview: true } : {}),
    ...(source.gainMap === undefined ? {} : { gainMap: true }),
  };
}

function rendition(job: ImageJob, output: Output, encoded: Result, page?: number): Rendition {
  const { width, height, pages, quality, ssim, gainMap, milliseconds } = encoded;
  const kept = keptAsItIs(job.source, job.recipe, output);
  const format = kept?.format ?? encoded.format;
  const contentType = kept?.contentType ?? FORMATS[encoded.format].contentType;
  const extension = kept?.extension ?? FORMATS[encoded.format].extension;
  const body = kept?.file ?? weighed(job, output, encoded);
  const asked = askedSize(job.recipe, output);
  const facts = {
    source: job.key,
    output: output.name,
    page: page ?? 1,
    width: asked.width ?? width,
    height: asked.height ?? height,
    format: extension,
    body,
  };
  const { cacheControl, storageClass, tags, userMetadata: metadata } = output;
  return {
    name: output.name,
    key: expandKey(output.key, facts),
    body,
    contentType: output.contentType ?? contentType,
    format,
    width,
    height,
    milliseconds: Math.round(milliseconds),
    ...definedOnly({
      page,
      pages,
      ssim,
      cacheControl,
      storageClass,
      tags,
      metadata,
      quality: body === encoded.body ? quality : undefined,
      gainMap: body === encoded.body ? gainMap : undefined,
    }),
  };
}

/** The bytes to keep when the output outweighs the source. Throws OutputTooLarge when the recipe says so. */
function weighed(job: ImageJob, output: Output, encoded: Encoded): Buffer {
  const { body } = encoded;
  const { source } = job;
  if (body.length <= source.bytes || output.onLarger === 'keep') return body;
  if (output.onLarger === 'original') return sourceWillDo(job, output, encoded) ? source.body : body;
  const expected = `at most ${source.bytes} bytes, the source's`;
  throw new FanoutError('OutputTooLarge', `output "${output.name}" has ${body.length} bytes, expected ${expected}`, {
    expected,
    met: `${body.length} bytes`,
  });
}

/** Whether the source differs from the output in its bytes only: same format, size and pixels, and nothing in it that the policy strips. */
function sourceWillDo({ source, recipe }: ImageJob, output: Output, encoded: Encoded): boolean {
  const { metadata } = source;
  const { resize: _, autoOrient: __, ...others } = { ...recipe.operations, ...output.operations };
  const upright = (metadata.orientation ?? 1) <= 1 || recipe.operations.autoOrient === false;
  const alone = recipe.pages !== 'all' || foundIn(source) === 1;
  const unchanged =
    alone &&
    namesOf(others).length === 0 &&
    upright &&
    encoded.width === source.width &&
    encoded.height === source.height &&
    (encoded.pages ?? 1) === source.frames;
  const clean = output.metadata === 'keep' || isClean(source.body, source.format);
  const coloured =
    recipe.colour === 'keep' || (recipe.colour === 'srgb' && !metadata.hasProfile && metadata.space !== 'cmyk');
  return encoded.format === formatName(source) && unchanged && clean && coloured;
}

function manifest(
  job: ImageJob,
  shape: SourceShape,
  renditions: readonly Rendition[],
  placeholder: Transformed['placeholder'],
): Rendition {
  const { key: template, cacheControl } = job.recipe.manifest as NonNullable<typeof job.recipe.manifest>;
  const { name, format, contentType } = MANIFEST;
  const facts = {
    source: job.key,
    output: name,
    page: 1,
    width: shape.width,
    height: shape.height,
    format,
    body: Buffer.from(job.key),
  };
  const key = expandKey(template, facts);
  const cropOf = ({ operations: { resize, ...others } }: Output): string => {
    const { width: _, height: __, ...crop } = resize ?? {};
    return JSON.stringify({ ...others, resize: crop });
  };
  const crops = new Map(job.recipe.outputs.map((output) => [output.name, cropOf(output)]));
  const body = manifestBody(key, job.key, shape, renditions, placeholder, crops);
  return { name, key, body, contentType, format, milliseconds: 0, ...definedOnly({ cacheControl }) };
}
