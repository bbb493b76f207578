// Which formats an output may come out in, and the best of them.
import { FanoutError } from '../contract/errors.ts';
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Operations, Output } from '../recipe/types.ts';
import { smallestWithin } from './contract.ts';
import type { Encoded, Made } from './encode.ts';
import { formatName } from './header.ts';
import type { ImageJob } from './job.ts';
import type { SourceImage } from './source-image.ts';

/** The formats that an output may come out in for this source: `same` named, and none that would lose frames or transparency where another does not. */
export function candidates(output: Output, source: SourceImage, animated: boolean, shared: Operations): FormatName[] {
  const named = [...new Set(output.formats.map((format) => (format === 'same' ? sameFormat(source) : format)))];
  const moving = animated ? named.filter((format) => FORMATS[format].animated) : named;
  const able = moving.length > 0 ? moving : named;
  const clear =
    source.metadata.hasAlpha && output.operations.flatten === undefined && shared.flatten === undefined
      ? able.filter((format) => FORMATS[format].alpha)
      : able;
  return clear.length > 0 ? clear : able;
}

/** The format that `same` means: the source's; for what nobody writes PNG, or JPEG where that holds all there is in a photo. */
function sameFormat(source: SourceImage): FormatName {
  const name = formatName(source);
  if (Object.hasOwn(FORMATS, name)) return name as FormatName;
  const { hasAlpha, depth } = source.metadata;
  return source.decoded === undefined || hasAlpha || depth !== 'uchar' ? 'png' : source.decoded.same;
}

/** Encodes an output in the best of its formats. Throws QualityUnreachable, OutputTooLarge. */
export async function encodeBest(
  job: ImageJob,
  output: Output,
  made: Made,
  formats: readonly FormatName[],
): Promise<Encoded> {
  const results = await Promise.allSettled(formats.map((format) => smallestWithin(job, output, made, format)));
  const met = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const best = met.sort((a, b) => a.body.length - b.body.length)[0];
  // A format that fails for any reason but its contract is no candidate that lost.
  const broken = results.find(
    (result) => result.status === 'rejected' && (best === undefined || !isUnreachable(result.reason)),
  );
  if (broken?.status === 'rejected') throw broken.reason;
  return best as Encoded;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof FanoutError && error.name === 'QualityUnreachable';
}
