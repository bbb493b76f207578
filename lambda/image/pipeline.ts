// Operations on an input: one pipeline of sharp where that is right, several where sharp alone would not do what the recipe says.
import type { OperationName, Operations } from '../recipe/types.ts';
import { eachFrame, takesFrames } from './frames.ts';
import type { ImageJob } from './job.ts';
import { bringsColour, coloursGrey } from './opening.ts';
import { applyStage, namesOf, stagesOf } from './operations.ts';
import { overlaysFor } from './overlay.ts';
import { hold, type Input, isPixels, open, type Pipeline } from './pixels.ts';
import { croppedFirst, isStrategy, type Size, sizeAfter } from './size.ts';

/** Puts operations on a pipeline; those that one pipeline cannot do in one go are done before, up to the last. */
export async function pipeline(job: ImageJob, start: Input, given: Operations): Promise<Pipeline> {
  if (takesFrames(job, start, given)) {
    const { each, all } = framewise(given);
    const input = await eachFrame(job, start, (frame, turn) => inStages(job, frame, turn ?? each, true));
    return inStages(job, input, all);
  }
  if (isPixels(start)) return inStages(job, start, given);
  const operations = { autoOrient: job.recipe.operations.autoOrient !== false, ...given };
  if (coloursGrey(job.source, given)) return inStages(job, await inColour(job, start, operations), given);
  return inStages(job, start, operations);
}

/** What is done to each frame of an animation, and what to all of them at once: a histogram of its own would make each frame flicker. */
function framewise(operations: Operations): { readonly each: Operations; readonly all: Operations } {
  const { normalise, tint, negate, composite, ...each } = operations;
  const late = { normalise, tint, negate, composite };
  const all = Object.fromEntries(Object.entries(late).filter(([, value]) => value !== undefined));
  return { each, all };
}

/** A grey source as sRGB pixels, upright. */
function inColour(job: ImageJob, input: Input, { autoOrient = true }: Operations): Promise<Input> {
  return hold(job, { image: applyStage(open(job, input), { autoOrient }), input });
}

async function inStages(job: ImageJob, start: Input, operations: Operations, raw?: boolean): Promise<Pipeline> {
  let input = start;
  const stages = stagesOf(operations)
    .flatMap(greyFirst)
    .flatMap((stage) => cropFirst(sizeOf(job, start), stage, operations));
  for (const [place, stage] of stages.entries()) {
    if (stage.composite !== undefined) {
      const orient = { autoOrient: operations.autoOrient ?? true };
      const under = isPixels(input)
        ? input
        : await hold(job, { image: applyStage(open(job, input), orient), input }, raw);
      const image = open(job, under).composite(await overlaysFor(job, under, stage.composite));
      return { image, input: under };
    }
    const made = { image: applyStage(open(job, input), stage), input, grey: stage.greyscale === true };
    if (place === stages.length - 1) return made;
    input = await hold(job, made, raw);
  }
  return { image: open(job, input), input };
}

function sizeOf({ source }: ImageJob, input: Input): Size {
  return isPixels(input) ? input : source;
}

/** A stage in two where it brings colour to what it makes grey: sharp would give a background's luminance only. */
function greyFirst(stage: Operations): Operations[] {
  if (stage.greyscale !== true) return [stage];
  const [before, { greyscale: _, ...after }] = splitAt(stage, 'greyscale');
  return bringsColour(after) ? [{ ...before, greyscale: true }, after] : [stage];
}

/** What comes before an operation, and it with what comes after. */
function splitAt(stage: Operations, name: OperationName): [Operations, Operations] {
  const names = namesOf(stage);
  const part = (from: number, to?: number): Operations =>
    Object.fromEntries(names.slice(from, to).map((one) => [one, stage[one]]));
  return [part(0, names.indexOf(name)), part(names.indexOf(name))];
}

/**
 * A stage in two where a crop shows little of an image that is enlarged: the area first, by the same position, and then
 * its size. With a fixed position libvips scales only what is shown, unless the image is turned afterwards.
 */
function cropFirst(from: Size, stage: Operations, operations: Operations): Operations[] {
  const { resize } = stage;
  if (resize === undefined) return [stage];
  const { rotate, extract } = operations;
  const area = croppedFirst(sizeAfter(from, { ...(rotate && { rotate }), ...(extract && { extract }) }), resize);
  if (area === undefined) return [stage];
  const [before, { resize: _, ...after }] = splitAt(stage, 'resize');
  if (!isStrategy(resize)) return stage.autoOrient === true ? [before, { resize, ...after }] : [stage];
  const { position } = resize;
  const cut = { ...area, fit: 'cover', ...(position && { position }), withoutEnlargement: true } as const;
  const { position: __, ...sized } = resize;
  return [
    { ...before, resize: cut },
    { resize: sized, ...after },
  ];
}
