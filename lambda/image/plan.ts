// The plan of one image: which pixels are made from which. Shared only where the result is what sharp alone would make.
import type { Operations } from '../recipe/types.ts';
import { namesOf } from './operations.ts';
import { isStrategy, type Opening, readsAlike, resized, type Size, stepsOf } from './size.ts';

/** What is wanted: an output (by its place), or the placeholder's small copy. */
export interface Wish {
  readonly operations: Operations;
  readonly use: number | 'placeholder';
}

/** Pixels to be made from those of its parent, for uses of their own and for its children. */
export interface PixelNode {
  readonly operations: Operations;
  readonly uses: (number | 'placeholder')[];
  readonly children: PixelNode[];
  /** Whether its pixels are too many to be held: each use makes them anew, in passing. */
  readonly heavy: boolean;
  /** The size that sharp alone gives it: what is made must have it. Undefined where only pixels tell. */
  readonly size?: Size | undefined;
}

/** What decides the shape of a plan besides the wishes. */
export interface PlanContext extends Size {
  /** Vectors are drawn at each size that is asked for: no two drawings share a pixel. */
  readonly vector: boolean;
  /** Whether the source is pixels already, which any number of nodes may read. */
  readonly decoded: boolean;
  /** How sharp opens the source for operations: it may shrink it, and turn it. */
  readonly opening?: (operations: Operations) => Opening;
  /** Whether pixels of that size can be held in memory. */
  readonly canHold: (size: Size) => boolean;
}

/** The longest side of the copy that placeholders are made from; ThumbHash takes at most 100. */
export const PLACEHOLDER_SIDE = 100;

/**
 * How many times smaller a copy is than what it may be made from. Below, two passes of the kernel blur what one would
 * keep: photos made from one another have an SSIM of 0.98 at 1.05 times, and 0.995 and more from 1.3 times on.
 */
const RATIO = 1.3;

/** Below, the rounding of sides squeezes the picture; and it shows what a decoder has shrunk. */
const LEAST_SIDE = { plain: 16, shrunk: 64 } as const;

/** Operations that come before the resize and yet give the same from smaller pixels. */
const COMMUTING = new Set<string>(['autoOrient', 'flatten', 'greyscale']);

/** Operations after the resize that make small differences large: they start at the very pixels that sharp alone starts at. */
const AMPLIFYING = new Set<string>(['median', 'threshold', 'unflatten', 'sharpen', 'normalise']);

/** A node with what decides whose child it can be. */
interface Entry {
  readonly node: PixelNode;
  /** Its picture scaled as a whole, before a crop; undefined for what needs the source's own pixels. */
  readonly scaled?: Size | undefined;
  /** Whether it is the scaled picture and nothing else, so that others may be made from it. */
  readonly pure: boolean;
  /** Whether the whole source, decoded, gives the very same as the source does. */
  readonly fromWhole: boolean;
  /** Its operations when a larger copy is what they start at. */
  readonly fromCopy: Operations;
}

/**
 * Lays out which pixels are made from which. Copies that differ in size only form a chain, each from the next larger
 * one that is large enough; crops hang on the smallest copy that has the detail; what needs every pixel, or a pixel's
 * exact value, reads the source. Answers the nodes that read it: more than one where sharing would change what is made,
 * or the whole cannot be held.
 */
export function plan(wishes: readonly Wish[], context: PlanContext): PixelNode[] {
  const entries = new Map<string, Entry>();
  for (const { operations, use } of wishes) {
    const entry = entryOf(operations, context);
    const key = keyOf(entry);
    const known = entries.get(key);
    if (known === undefined) entries.set(key, entry);
    (known ?? entry).node.uses.push(use);
  }
  const all = [...entries.values()];
  const { readers, orphans } = arrange(all, context);
  if (readers.length < 2 || context.vector || context.decoded) return readers;
  const common = commonOf(orphans, context);
  return common === undefined ? readers : arrange([...all, common], context).readers;
}

function keyOf({ node: { operations, size }, pure }: Entry): string {
  return pure && size !== undefined ? `${size.width} x ${size.height}` : JSON.stringify(operations);
}

function entryOf(given: Operations, context: PlanContext): Entry {
  const { autoOrient: _, ...operations } = given;
  const { vector, canHold } = context;
  const opening = context.opening?.(given) ?? {};
  const names = namesOf(operations);
  const final = stepsOf(context, operations, opening).at(-1) as Size;
  const size = vector || names.includes('trim') ? undefined : { width: final.width, height: final.height };
  const node: PixelNode = { operations, uses: [], children: [], heavy: !canHold(final), size };
  const whole = { node, pure: false, fromWhole: fromWhole(operations, context), fromCopy: operations };
  const { resize } = operations;
  if (vector) return { ...whole, fromWhole: false };
  if (names.length === 0) return { ...whole, pure: true, scaled: size };
  if (resize === undefined || resize.kernel !== undefined || resize.fastShrinkOnLoad === false || isStrategy(resize))
    return whole;
  const before = names.slice(0, names.indexOf('resize'));
  const { scaled, scale, plain } = resized(context, resize, opening);
  if (scale > 1 || !before.every((name) => COMMUTING.has(name)) || names.some((name) => AMPLIFYING.has(name)))
    return whole;
  // Said in full: the proportions of smaller pixels are rounded, and bounds would be theirs.
  const {
    width = scaled.width,
    height = scaled.height,
    withoutEnlargement: __,
    withoutReduction: ___,
    ...rest
  } = resize;
  const fills = plain || resize.fit === 'fill' || resize.fit === 'inside' || resize.fit === 'outside';
  // A crop or border is that of the scaled picture only where a larger copy would be scaled to the same.
  const boxed = rest.fit === 'contain' || rest.fit === undefined || rest.fit === 'cover';
  if (!fills && !(boxed && hits(scaled, { width, height }, rest.fit))) return whole;
  const exact = fills
    ? { width: scaled.width, height: scaled.height, fit: 'fill' as const }
    : { ...rest, width, height };
  const pure = names.length === 1 && plain;
  return { ...whole, pure, scaled, fromCopy: { ...operations, resize: exact } };
}

/** Whether the scaled picture is what the box alone decides: it fills one side of it, and no bound has had a say. */
function hits(scaled: Size, box: Size, fit: NonNullable<Operations['resize']>['fit']): boolean {
  const [across, down] = [scaled.width - box.width, scaled.height - box.height];
  return fit === 'contain' ? Math.max(across, down) === 0 : Math.min(across, down) === 0;
}

/** Whether the decoded whole gives the very same as the source does: nothing is shrunk or scaled before it is upright, and nothing looks at values that reading converts. */
function fromWhole(operations: Operations, context: PlanContext): boolean {
  return operations.trim === undefined && readsAlike(context, operations, context.opening?.(operations));
}

/** What several readers can be made from: the whole of the source, or the largest picture that their crops start at. */
function commonOf(orphans: readonly Entry[], context: PlanContext): Entry | undefined {
  const scaled = orphans.flatMap(({ scaled, node }) =>
    scaled === undefined || node.operations.resize?.fit === 'fill' ? [] : [scaled],
  );
  const largest = scaled.sort((a, b) => b.width * b.height - a.width * a.height)[0];
  const needWhole = orphans.filter((entry) => entry.scaled === undefined && entry.fromWhole).length > 0;
  const size = needWhole ? { width: context.width, height: context.height } : largest;
  if (size === undefined || !context.canHold(size)) return undefined;
  const { width, height } = size;
  const operations: Operations = isWhole(size, context) ? {} : { resize: { width, height, fit: 'fill' } };
  const node: PixelNode = { operations, uses: [], children: [], heavy: false, size: { width, height } };
  const common = { node, pure: true, scaled: size, fromWhole: true, fromCopy: operations };
  return orphans.filter((entry) => suits(common, entry, context)).length > 1 ? common : undefined;
}

/** Whether one is made from the other's pixels as well as from the source. */
function suits(parent: Entry, child: Entry, context: PlanContext): boolean {
  const from = parent.node.size;
  if (!parent.pure || parent.node.heavy || from === undefined || parent === child) return false;
  if (isWhole(from, context) && child.fromWhole) return true;
  const to = child.scaled;
  if (to === undefined || !scalesAlike(from, to, child.fromCopy)) return false;
  if (from.width === to.width && from.height === to.height) return true;
  const least = child.fromWhole ? LEAST_SIDE.plain : LEAST_SIDE.shrunk;
  return Math.min(to.width, to.height) >= least && from.width >= RATIO * to.width && from.height >= RATIO * to.height;
}

/** Whether a crop or border has the same picture around it: a pixel more or less would move it. */
function scalesAlike(from: Size, to: Size, { resize }: Operations): boolean {
  if (resize === undefined) return true;
  const { scaled } = resized(from, resize);
  return scaled.width === to.width && scaled.height === to.height;
}

function isWhole(size: Size, context: Size): boolean {
  return size.width === context.width && size.height === context.height;
}

/** Hangs every node on the smallest that will do, anew; answers those that are left, and which of them nobody could share. */
function arrange(
  entries: readonly Entry[],
  context: PlanContext,
): { readonly readers: PixelNode[]; readonly orphans: readonly Entry[] } {
  const area = ({ node: { size } }: Entry): number => (size === undefined ? 0 : size.width * size.height);
  const nodes = entries.map((entry) => ({ entry, node: { ...entry.node, children: [] as PixelNode[] } }));
  // Larger copies first: none is made from what comes after it, so nothing hangs on itself.
  const pures = nodes.filter(({ entry }) => entry.pure).sort((a, b) => area(b.entry) - area(a.entry));
  const others = nodes.filter(({ entry }) => !entry.pure);
  const left: (typeof nodes)[number][] = [];
  for (const [place, one] of [...pures, ...others].entries()) {
    const larger = pures.slice(0, Math.min(place, pures.length));
    const parent = larger.findLast(({ entry }) => suits(entry, one.entry, context));
    if (parent === undefined) left.push(one);
    else {
      const from = parent.entry.node.size as Size;
      const same = isWhole(from, context) && one.entry.fromWhole;
      const own = same ? one.entry.node.operations : one.entry.fromCopy;
      const { scaled } = one.entry;
      const there = one.entry.pure && scaled?.width === from.width && scaled.height === from.height;
      parent.node.children.push(Object.assign(one.node, { operations: there ? {} : own }));
    }
  }
  return { readers: left.map(({ node }) => node), orphans: left.map(({ entry }) => entry) };
}
