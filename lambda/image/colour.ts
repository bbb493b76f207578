// Colour and metadata: what a pipeline must be told so that the numbers in the output mean the colours of the source.
import type { Sharp } from 'sharp';
import type { MetadataPolicy, Output, Recipe } from '../recipe/types.ts';
import { placeholders, type Rights, rightsOf } from './copyright.ts';
import type { SourceImage } from './source-image.ts';

/**
 * Brings the pixels of a source into the recipe's colours, and attaches what the policy keeps.
 *
 * sharp converts an 8-bit image by its profile to sRGB, but a 16-bit one to Display P3 without saying so in the output:
 * there the step to sRGB must be asked for. A 16-bit image without a profile must not be asked, as it would be taken
 * for Display P3. https://sharp.pixelplumbing.com/api-output/#withiccprofile
 */
export function toRecipeColours(
  image: Sharp,
  source: SourceImage,
  colour: Recipe['colour'],
  policy: MetadataPolicy,
): Sharp {
  const { space, hasProfile } = source.metadata;
  const rgb = space === 'srgb' || space === 'rgb16';
  const deepPlain = space === 'rgb16' && !hasProfile;
  const kept = policy === 'keep' ? image.keepMetadata() : image;
  if (colour === 'p3') {
    if (rgb && hasProfile) return kept.pipelineColourspace('rgb16').withIccProfile('p3');
    return (deepPlain ? kept.pipelineColourspace('srgb') : kept).withIccProfile('p3');
  }
  if (colour === 'keep' && rgb) return hasProfile ? kept.keepIccProfile() : kept;
  if (deepPlain) return kept;
  const attach = policy !== 'strip';
  return attach || space === 'rgb16' ? kept.withIccProfile('srgb', { attach }) : kept;
}

/** Whether sharp is told to convert before anything else: then it shrinks nothing while it reads. */
export function convertsFirst({ metadata: { space, hasProfile } }: SourceImage, colour: Recipe['colour']): boolean {
  return colour === 'p3' && ((space === 'srgb' && hasProfile) || space === 'rgb16');
}

/**
 * Whether intermediate pixels must carry a profile or metadata along, so that raw pixels will not do. The profile of
 * sRGB is attached anew to raw ones, but to those of 8 bits only: sharp takes deeper ones for Display P3.
 */
export function needsCarrier(recipe: Recipe, deep: boolean): boolean {
  const kept = recipe.outputs.map(({ metadata }) => metadata);
  return recipe.colour !== 'srgb' || kept.includes('keep') || (deep && kept.includes('keepIcc'));
}

/** The most that any output keeps: what intermediate pixels carry. */
export function strongestPolicy(recipe: Recipe): MetadataPolicy {
  const policies = recipe.outputs.map((output) => output.metadata);
  return policies.includes('keep') ? 'keep' : policies.includes('keepIcc') ? 'keepIcc' : 'strip';
}

/** Attaches what the policy keeps, when the pixels are in the recipe's colours already and carry the rest along. */
export function keepFromCarrier(image: Sharp, colour: Recipe['colour'], policy: MetadataPolicy): Sharp {
  if (policy === 'keep') return image.keepMetadata();
  // Not kept but attached anew: greyscale would drop it.
  if (colour === 'srgb') return policy === 'keepIcc' ? image.withIccProfile('srgb') : image;
  return image.keepIccProfile();
}

/** The source's EXIF copyright and artist, when the output keeps them though its metadata is stripped. */
export function keptRights({ metadata: { exif } }: SourceImage, output: Output): Rights {
  return output.copyright && output.metadata !== 'keep' && exif !== undefined ? rightsOf(exif) : {};
}

/** Makes room for them in the output; `engraved` writes them there. */
export function withRights(image: Sharp, rights: Rights): Sharp {
  const room = placeholders(rights);
  return Object.keys(room).length > 0 ? image.withExif({ IFD0: room }) : image;
}
