// One image through its plan: pixels made once each, encoders side by side.
import { together } from '../contract/together.ts';
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Operations, Output } from '../recipe/types.ts';
import { encodeBest } from './best.ts';
import type { Encoded, Made } from './encode.ts';
import { keepsGainMap, seeingGainMaps } from './gain-map.ts';
import { checkPixels } from './header.ts';
import type { ImageJob } from './job.ts';
import { openingOf } from './opening.ts';
import { namesOf } from './operations.ts';
import { shareOf } from './pages.ts';
import { pipeline } from './pipeline.ts';
import { hold, type Input, isPixels, open, type Pixels } from './pixels.ts';
import { type Placeholder, placeholderOf } from './placeholder.ts';
import { type PixelNode, PLACEHOLDER_SIDE, plan, type Wish } from './plan.ts';
import { checkSteps, type Opening, type Size, stepsOf } from './size.ts';
import type { SourceImage } from './source-image.ts';
import { isLosslessWebp } from './webp-chunks.ts';

/** Pixels of one node that may be held between pipelines: three of them fit the image function beside the encoders. */
const HOLD_BYTES = 400 * 1024 * 1024;

export interface Rendered {
  /** By the place of the output in the recipe. */
  readonly outputs: readonly (Encoded & { readonly milliseconds: number })[];
  readonly placeholder?: Placeholder;
}

type Result = Encoded & { readonly milliseconds: number };

/** An output, and which of its frames and formats this source gives it. */
interface Wanted {
  readonly output: Output;
  readonly place: number;
  readonly formats: readonly FormatName[];
  readonly frames: number;
}

/** Renders every output of the job. Throws the class of what is wrong with image, limits or contract. */
export async function render(job: ImageJob): Promise<Rendered> {
  const wanted = job.recipe.outputs.map((output, place) => want(job, output, place));
  const results: Results = { outputs: [] };
  for (const frames of new Set([...wanted.map((one) => one.frames), ...(job.recipe.placeholder ? [1] : [])])) {
    checkPixels(job.source, frames, job.limits);
    const group = wanted.filter((one) => one.frames === frames);
    await renderFrames(job, frames, group, results, job.recipe.placeholder && frames === 1);
  }
  return results;
}

function want(job: ImageJob, output: Output, place: number): Wanted {
  const { source, recipe } = job;
  const { formats, frames } = shareOf(source, recipe, output);
  return { output: asLossless(output, source), place, formats, frames };
}

/** The output with a lossless encoder where the source has lost nothing and the recipe keeps it so. */
function asLossless(output: Output, { format, body }: SourceImage): Output {
  const { webp } = output.encoders;
  if (!output.keepLossless || format !== 'webp' || !isLosslessWebp(body)) return output;
  return { ...output, encoders: { ...output.encoders, webp: { ...webp, lossless: true, exact: true } } };
}

interface Frames {
  readonly job: ImageJob;
  readonly frames: number;
  readonly wanted: readonly Wanted[];
  /** What all of them start at: the source, or the pixels of the shared operations. */
  readonly input: Input;
  readonly wishes: readonly Wish[];
  readonly results: Results;
}

interface Results {
  readonly outputs: Result[];
  placeholder?: Placeholder;
}

async function renderFrames(
  job: ImageJob,
  frames: number,
  wanted: readonly Wanted[],
  results: Results,
  withPlaceholder: boolean,
  plainly = false,
): Promise<void> {
  const { autoOrient: _, ...shared } = job.recipe.operations;
  const few = wanted.length + (withPlaceholder ? 1 : 0) === 1;
  const withMaps = wanted.filter(({ output, formats }) => keepsGainMap(job.source, output, formats));
  if (withMaps.length > 0 && !plainly) {
    const others = wanted.filter((one) => !withMaps.includes(one));
    if (others.length > 0 || withPlaceholder) await renderFrames(job, frames, others, results, withPlaceholder);
    const work = async (): Promise<void> => {
      await together(withMaps, (one) => renderWithMap(job, one, shared, results));
    };
    if (!(await seeingGainMaps(job.source, work))) await renderFrames(job, frames, withMaps, results, false, true);
    return;
  }
  let input: Input = { frames };
  let size: Size = job.source;
  let opening = (operations: Operations): Opening => openingOf(job, operations);
  let own = (operations: Operations): Operations => operations;
  if (namesOf(shared).length > 0) {
    if (few && wanted[0] !== undefined && namesOf(wanted[0].output.operations).length === 0) {
      own = () => shared;
    } else {
      checkSteps('(shared operations)', stepsOf(size, shared, opening(shared)), frames, job.limits);
      const base = await hold(job, await pipeline(job, input, shared));
      input = base;
      size = base;
      opening = () => ({});
    }
  }
  const wishes = wanted.map(({ output, place }): Wish => ({ operations: own(output.operations), use: place }));
  for (const { output } of wanted) {
    const operations = own(output.operations);
    checkSteps(output.name, stepsOf(size, operations, opening(operations)), frames, job.limits);
  }
  if (withPlaceholder) wishes.push({ operations: { resize: { ...SMALL } }, use: 'placeholder' });
  const channels = job.deep ? 8 : 4;
  const nodes = plan(wishes, {
    width: size.width,
    height: size.height,
    vector: job.source.vector && !isPixels(input),
    decoded: isPixels(input),
    opening,
    canHold: ({ width, height }) => width * height * frames * channels <= HOLD_BYTES,
  });
  const work: Frames = { job, frames, wanted, input, wishes, results };
  await together(nodes, (node) => renderNode(work, node, input));
}

/** An output with its gain map: one pipeline from source to file, in which sharp does the same to the picture and to its map. */
async function renderWithMap(
  job: ImageJob,
  { output, place, formats }: Wanted,
  shared: Operations,
  { outputs }: Results,
): Promise<void> {
  const started = performance.now();
  const operations = { ...shared, ...output.operations };
  checkSteps(output.name, stepsOf(job.source, operations, openingOf(job, operations)), 1, job.limits);
  const made: Made = { pipeline: () => pipeline(job, { frames: 1 }, operations), alpha: false, gainMap: true };
  const encoded = await encodeBest(job, output, made, formats);
  outputs[place] = { ...encoded, milliseconds: performance.now() - started };
}

const SMALL = { width: PLACEHOLDER_SIDE, height: PLACEHOLDER_SIDE, fit: 'inside', withoutEnlargement: true } as const;

async function renderNode(work: Frames, node: PixelNode, input: Input): Promise<void> {
  const { job } = work;
  const started = performance.now();
  const uses = node.uses.flatMap((use) =>
    use === 'placeholder' ? [] : work.wanted.filter(({ place }) => place === use),
  );
  const passing = node.children.length === 0 && node.uses.length === 1;
  const streamed = node.heavy || (passing && uses.every((use) => streams(use, node.operations)));
  const made = streamed ? streaming(job, node, input) : await holding(job, node, input);
  const alone = passing && input === work.input;
  if (made.pixels !== undefined && !alone && !foretold(node, made.pixels)) return apart(work, node);
  const placeholder = async (): Promise<void> => {
    work.results.placeholder = await placeholderOf(job, await made.pipeline());
  };
  const tasks = [
    ...sharing(uses).map((group) => async () => {
      const [{ output, formats }] = group;
      const encoded = await encodeBest(job, output, made, formats);
      if (!alone && !foretold(node, encoded)) {
        return apart(work, { ...node, uses: group.map(({ place }) => place), children: [] });
      }
      const milliseconds = performance.now() - started;
      for (const { place } of group) work.results.outputs[place] = { ...encoded, milliseconds };
    }),
    ...(node.uses.includes('placeholder') ? [placeholder] : []),
    ...node.children.map((child) => () => renderNode(work, child, made.pixels ?? input)),
  ];
  await together(tasks, (task) => task());
}

/** Whether what was made is as large as the plan said: else what hangs on it would not be what sharp alone makes. */
function foretold({ size }: PixelNode, { width, height }: Size): boolean {
  return size === undefined || (size.width === width && size.height === height);
}

/** Makes all uses at and below a node each for itself, from what all start at: what was foretold of its pixels is not so. */
async function apart(work: Frames, node: PixelNode): Promise<void> {
  const uses = usesBelow(node);
  const wished = work.wishes.filter(({ use }) => uses.includes(use));
  await together(wished, ({ operations: { autoOrient: _, ...operations }, use }) =>
    renderNode(work, { operations, uses: [use], children: [], heavy: node.heavy }, work.input),
  );
}

function usesBelow({ uses, children }: PixelNode): PixelNode['uses'] {
  return [...uses, ...children.flatMap(usesBelow)];
}

/** Whether decoder, operations and encoder can be one pipeline: one encoding only, and nothing transparent comes up after the flattening. */
function streams({ output, formats }: Wanted, { rotate, extend, unflatten, resize, composite }: Operations): boolean {
  if (formats.length > 1 || output.maxBytes !== undefined || output.minSsim !== undefined) return false;
  const mayClear =
    rotate !== undefined ||
    extend !== undefined ||
    unflatten === true ||
    composite !== undefined ||
    resize?.fit === 'contain';
  return !mayClear || formats.every((format) => FORMATS[format].alpha);
}

function streaming(job: ImageJob, node: PixelNode, input: Input): Made {
  const alpha = (isPixels(input) ? input.alpha : job.source.metadata.hasAlpha) && node.operations.flatten === undefined;
  return { pipeline: () => pipeline(job, input, node.operations), alpha };
}

async function holding(job: ImageJob, node: PixelNode, input: Input): Promise<Made & { readonly pixels: Pixels }> {
  const same = isPixels(input) && namesOf(node.operations).length === 0;
  const pixels = same ? input : await hold(job, await pipeline(job, input, node.operations));
  return { pipeline: async () => ({ image: open(job, pixels), input: pixels }), alpha: pixels.alpha, pixels };
}

/** Outputs that are encoded alike are encoded once: a small source makes several sizes the same. */
function sharing(uses: readonly Wanted[]): [Wanted, ...Wanted[]][] {
  const groups = new Map<string, [Wanted, ...Wanted[]]>();
  for (const use of uses) {
    const { encoders, metadata, copyright, maxBytes, minSsim } = use.output;
    const text = JSON.stringify([use.formats, encoders, metadata, copyright, maxBytes, minSsim]);
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [use]);
    else group.push(use);
  }
  return [...groups.values()];
}
