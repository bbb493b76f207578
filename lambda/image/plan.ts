// The plan of one image: which pixels are made from which, so that the source is decoded once and sizes descend.
import type { Operations } from '../recipe/types.ts';
import { namesOf } from './operations.ts';
import { type Resized, resized, type Size, sizeAfter } from './size.ts';

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
}

/** What decides the shape of a plan besides the wishes. */
export interface PlanContext extends Size {
  /** Vectors are drawn at the size that is asked for, so enlarging them is as good as the source. */
  readonly vector: boolean;
  /** Whether the source is pixels already, which any number of nodes may read. */
  readonly decoded: boolean;
  /** Whether pixels of that size can be held in memory. */
  readonly canHold: (size: Size) => boolean;
}

/** The longest side of the copy that placeholders are made from; ThumbHash takes at most 100. */
export const PLACEHOLDER_SIDE = 100;

interface Pure extends Size {
  readonly scale: number;
  readonly node: PixelNode;
}

interface Leaf {
  readonly need: number;
  readonly node: PixelNode;
}

/** Operations that come before the resize and yet give the same from smaller pixels. */
const COMMUTING = new Set<string>(['flatten', 'greyscale']);

/**
 * Lays out which pixels are made from which. Copies that differ in size only form a chain, each from the next larger
 * one; crops and effects hang on the smallest of the chain that has the detail; what needs every pixel hangs on the
 * source. Answers the nodes that read the source: more than one only where the whole of it cannot be held.
 */
export function plan(wishes: readonly Wish[], context: PlanContext): PixelNode[] {
  const pures: Pure[] = [];
  const leaves: Leaf[] = [];
  for (const { operations, use } of wishes) {
    const size = pureSize(operations, context);
    if (size !== undefined) {
      pureNode(pures, size, context).node.uses.push(use);
    } else {
      leafNode(leaves, operations, needOf(operations, context), context).uses.push(use);
    }
  }
  const asWritten = (node: PixelNode): PixelNode => ({ ...node, operations: written(wishes, node) });
  const readers = arrange(pures, leaves, context);
  if (readers.length < 2) return readers.map(asWritten);
  const rootless = leaves.filter(({ node }) => readers.includes(node));
  if (rootless.length === 0) return readers.map(asWritten);
  const scale = Math.max(...rootless.map(({ need }) => need));
  // Drawing a vector again costs less than what its finest rendition as pixels would.
  const common = commonSize(context, Math.min(1, scale));
  if (context.vector || context.decoded || !context.canHold(common)) return readers.map(asWritten);
  pureNode(pures, common, context);
  return arrange(pures, leaves, context).map(asWritten);
}

/** The operations as the recipe has them, for what reads the source itself: so one output has the very bytes that sharp alone gives. */
function written(wishes: readonly Wish[], { operations, uses }: PixelNode): Operations {
  const wish = wishes.find(({ use }) => use === uses[0]);
  if (wish === undefined) return operations;
  const { autoOrient: _, ...own } = wish.operations;
  return own;
}

/** The size of a copy that differs in nothing but its size; undefined for anything else. */
function pureSize(operations: Operations, context: PlanContext): Resized | undefined {
  const names = namesOf(operations).filter((name) => name !== 'autoOrient');
  if (names.length === 0) return { width: context.width, height: context.height, scale: 1, plain: true };
  const { resize } = operations;
  if (names.length !== 1 || resize === undefined || resize.kernel !== undefined || resize.fastShrinkOnLoad === false)
    return undefined;
  const size = resized(context, resize);
  return size.plain && (size.scale <= 1 || context.vector) ? size : undefined;
}

/** How much of the source's detail an output needs: 1 for all of it. */
function needOf(operations: Operations, context: PlanContext): number {
  const { resize } = operations;
  if (resize === undefined || resize.kernel !== undefined || resize.fastShrinkOnLoad === false)
    return Number.POSITIVE_INFINITY;
  const names = namesOf(operations);
  const before = names.slice(0, names.indexOf('resize')).filter((name) => name !== 'autoOrient');
  return before.every((name) => COMMUTING.has(name)) ? resized(context, resize).scale : Number.POSITIVE_INFINITY;
}

function commonSize({ width, height }: Size, scale: number): Size & { readonly scale: number } {
  return { width: Math.ceil(width * scale), height: Math.ceil(height * scale), scale };
}

function pureNode(pures: Pure[], size: Size & { readonly scale: number }, { canHold }: PlanContext): Pure {
  const { width, height, scale } = size;
  const known = pures.find((pure) => pure.width === width && pure.height === height);
  if (known !== undefined) return known;
  const resize = { width, height, fit: 'fill' as const };
  const pure: Pure = {
    width,
    height,
    scale,
    node: { operations: scale === 1 ? {} : { resize }, uses: [], children: [], heavy: !canHold(size) },
  };
  pures.push(pure);
  return pure;
}

function leafNode(leaves: Leaf[], operations: Operations, need: number, context: PlanContext): PixelNode {
  const { autoOrient: _, ...written } = operations;
  const own =
    need <= 1 && written.resize !== undefined ? { ...written, resize: exactly(written.resize, context) } : written;
  const text = JSON.stringify(own);
  const known = leaves.find(({ node }) => JSON.stringify(node.operations) === text);
  if (known !== undefined) return known.node;
  const heavy = !context.canHold(sizeAfter(context, own));
  const node: PixelNode = { operations: own, uses: [], children: [], heavy };
  leaves.push({ need, node });
  return node;
}

/** The same resize, with the size said in full where the source's proportions decide: those of smaller pixels are rounded. */
function exactly(options: NonNullable<Operations['resize']>, context: PlanContext): NonNullable<Operations['resize']> {
  const { width, height, plain } = resized(context, options);
  return plain ? { width, height, fit: 'fill' } : options;
}

/** Hangs every node on its parent, anew; answers those that are left. What cannot be held is nobody's parent. */
function arrange(pures: Pure[], leaves: readonly Leaf[], context: PlanContext): PixelNode[] {
  pures.sort((a, b) => b.width * b.height - a.width * a.height);
  for (const { node } of pures) node.children.length = 0;
  const chain = pures.filter(({ node }) => !node.heavy);
  for (const [place, { node }] of chain.entries()) chain[place - 1]?.node.children.push(node);
  const readers = pures.filter((pure) => pure.node.heavy || pure === chain[0]).map(({ node }) => node);
  for (const { need, node } of leaves) {
    const parent = chain.findLast(
      ({ scale, width, height }) => scale >= need || (width === context.width && height === context.height),
    );
    if (parent === undefined) readers.push(node);
    else parent.node.children.push(node);
  }
  return readers;
}
