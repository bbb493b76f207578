// Gain maps (Ultra HDR, Apple, ISO 21496-1): which files have one, which outputs keep it, and how sharp is made to see it.
import type { Sharp } from 'sharp';
import type { FormatName } from '../recipe/names.ts';
import type { Output, Recipe } from '../recipe/types.ts';
import { sharp, withUhdr } from './sharp.ts';
import type { SourceImage } from './source-image.ts';

/** The index of several pictures in one JPEG stands in its head. CIPA DC-007 */
const PICTURES = Buffer.from('MPF\0', 'latin1');
const HEAD_BYTES = 256 * 1024;
/** What says that one of them is a gain map: ISO 21496-1, Adobe's words, Apple's. */
const WORDS = [
  'urn:iso:std:iso:ts:21496:',
  'http://ns.adobe.com/hdr-gain-map/1.0/',
  'urn:com:apple:photo:2020:aux:hdrgainmap',
];

/** Whether a JPEG has a gain map beside its picture. */
export function hasGainMap(body: Buffer): boolean {
  return body.subarray(0, HEAD_BYTES).includes(PICTURES) && WORDS.some((word) => body.includes(word, 0, 'latin1'));
}

/** Whether the recipe asks for gain maps: then sharp reads them with a loader that only a process of its own may use. */
export function asksForGainMap(recipe: Recipe): boolean {
  return recipe.outputs.some(({ keepGainMap }) => keepGainMap === true);
}

/** Whether an output keeps the gain map of its source: asked for, and JPEG on both sides, which is all that sharp can. */
export function keepsGainMap(source: SourceImage, output: Output, formats: readonly FormatName[]): boolean {
  const both = source.format === 'jpeg' && formats.every((format) => format === 'jpeg');
  return output.keepGainMap === true && both && source.gainMap === true;
}

/**
 * Does work for which sharp sees gain maps, if it sees one here. Meanwhile it would read every such JPEG in this process
 * by another loader, which shrinks nothing while it reads: so only where one image is worked on at a time.
 */
export async function seeingGainMaps(source: SourceImage, work: () => Promise<void>): Promise<boolean> {
  return withUhdr(async () => {
    const { gainMap } = await sharp(source.opened, source.options).metadata();
    if (gainMap === undefined) return false;
    await work();
    return true;
  });
}

/** Tells the pipeline to make the gain map, too. sharp 0.35 has the method, and no type for it. */
export function withGainMap(image: Sharp): Sharp {
  return (image as Sharp & { keepGainMap(): Sharp }).keepGainMap();
}
