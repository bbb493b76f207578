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
import { MANIFEST, manifestBody } from './manifest.ts';
import { namesOf } from './operations.ts';
import { render } from './render.ts';
import type { SourceFormat } from './sniff.ts';
import { readSource } from './source.ts';
import type { DecodedFrom, SourceImage } from './source-image.ts';
import type { Rendition, SourceShape, Transformed, TransformInput } from './transform-types.ts';

/** Transforms an image whose format is known, in this process. Throws FanoutError. */
export async function transformHere(input: TransformInput, format: SourceFormat): Promise<Transformed> {
  const { body, key, recipe, limits, signal, overlays = new Map() } = input;
  const source = await readSource(body, format, recipe, limits);
  const deep = source.metadata.depth !== 'uchar' && recipe.outputs.some((output) => wantsDeep(output, source));
  const job: ImageJob = {
    key,
    source,
    recipe,
    limits,
    overlays,
    deep,
    carrier: needsCarrier(recipe, deep),
    run: runner(limits, signal),
  };
  try {
    const { outputs, placeholder } = await render(job);
    const shape = shapeOf(source);
    const renditions = recipe.outputs.map((output, place) =>
      rendition(job, output, outputs[place] as (typeof outputs)[number]),
    );
    if (recipe.manifest !== undefined) renditions.push(manifest(job, shape, renditions, placeholder));
    return { source: shape, renditions, ...(placeholder === undefined ? {} : { placeholder }) };
  } catch (error) {
    throw imageFailure(error, format, body);
  }
}

function wantsDeep(output: Output, source: SourceImage): boolean {
  return output.formats.some((format) => {
    const name = format === 'same' ? formatName(source) : format;
    return Object.hasOwn(FORMATS, name) && isDeep(output, name as FormatName);
  });
}

function shapeOf(source: SourceImage): SourceShape {
  const { width, height, found, decoded } = source;
  const pages = decoded?.pages ?? found;
  return {
    format: formatName(source),
    width,
    height,
    ...(pages > 1 ? { pages } : {}),
    ...(decoded?.preview === true ? { preview: true } : {}),
  };
}

function rendition(job: ImageJob, output: Output, encoded: Encoded & { readonly milliseconds: number }): Rendition {
  const { width, height, pages, quality, ssim, milliseconds } = encoded;
  const kept = keptAsItIs(job, output);
  const format = kept?.format ?? encoded.format;
  const contentType = kept?.contentType ?? FORMATS[encoded.format].contentType;
  const extension = kept?.format ?? FORMATS[encoded.format].extension;
  const body = kept?.file ?? weighed(job, output, encoded);
  const asked = askedSize(job.recipe, output);
  const facts = {
    source: job.key,
    output: output.name,
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
      pages,
      ssim,
      cacheControl,
      storageClass,
      tags,
      metadata,
      quality: body === encoded.body ? quality : undefined,
    }),
  };
}

/**
 * The source, when nobody writes its format (HEIC, camera raw, …) and the output asks for that very format with nothing
 * changed, as an archive does: anything else would lose something of it, under a name that says otherwise.
 */
function keptAsItIs({ source, recipe }: ImageJob, output: Output): DecodedFrom | undefined {
  const names = namesOf({ ...recipe.operations, ...output.operations }).filter((name) => name !== 'autoOrient');
  const free = output.maxBytes === undefined && output.minSsim === undefined;
  const asked = output.onLarger === 'original' && output.formats.every((format) => format === 'same');
  const kept = output.metadata === 'keep' && recipe.colour === 'keep' && names.length === 0;
  return asked && kept && free ? source.decoded : undefined;
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
  const unchanged =
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
    width: shape.width,
    height: shape.height,
    format,
    body: Buffer.from(job.key),
  };
  const key = expandKey(template, facts);
  const crops = job.recipe.outputs.map(({ operations: { resize, ...others } }) => {
    const { width: _, height: __, ...crop } = resize ?? {};
    return JSON.stringify({ ...others, resize: crop });
  });
  const body = manifestBody(key, job.key, shape, renditions, placeholder, crops);
  return { name, key, body, contentType, format, milliseconds: 0, ...definedOnly({ cacheControl }) };
}
