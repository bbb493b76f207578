// How each operation is applied: one record per name of the recipe's table, and which of them share one pipeline of sharp.
import type { Sharp } from 'sharp';
import { OPERATION_ORDER, type OperationName } from '../recipe/names.ts';
import type { Operations } from '../recipe/types.ts';

type Apply<Name extends OperationName> = (image: Sharp, options: NonNullable<Operations[Name]>) => Sharp;

/** The pixels-only operations. `composite` is not among them: it must know the size of what it is laid on (overlay.ts). */
type PlainName = Exclude<OperationName, 'composite'>;

const APPLY: { readonly [Name in PlainName]: Apply<Name> } = {
  autoOrient: (image, on) => (on ? image.autoOrient() : image),
  flip: (image, on) => image.flip(on),
  flop: (image, on) => image.flop(on),
  rotate: (image, { angle, background }) => image.rotate(angle, background === undefined ? {} : { background }),
  trim: (image, options) => image.trim(options),
  extract: (image, options) => image.extract(options),
  flatten: (image, { background = '#ffffff' }) => image.flatten({ background }),
  gamma: (image, { gamma, gammaOut }) => image.gamma(gamma, gammaOut),
  greyscale: (image, on) => image.greyscale(on),
  resize: (image, options) => image.resize(options),
  extend: (image, options) => image.extend(options),
  median: (image, { size }) => image.median(size),
  threshold: (image, { threshold, greyscale }) =>
    image.threshold(threshold, greyscale === undefined ? {} : { greyscale }),
  blur: (image, { sigma, ...rest }) => (sigma === undefined ? image.blur() : image.blur({ sigma, ...defined(rest) })),
  unflatten: (image, on) => (on ? image.unflatten() : image),
  modulate: (image, options) => image.modulate(options),
  sharpen: (image, { sigma, ...rest }) => (sigma === undefined ? image.sharpen() : image.sharpen({ sigma, ...rest })),
  normalise: (image, options) => image.normalise(options),
  tint: (image, { tint }) => image.tint(tint),
  negate: (image, options) => image.negate(options),
};

function defined<T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/**
 * The pipelines that an operation needs. sharp applies its operations in an order of its own, whatever the order of the
 * calls; it is ours within a stage, and a new stage starts where it would not be.
 */
const STAGE = {
  autoOrient: 0,
  flip: 0,
  flop: 0,
  rotate: 0,
  trim: 1,
  extract: 1,
  flatten: 1,
  gamma: 1,
  greyscale: 1,
  resize: 1,
  extend: 1,
  median: 1,
  threshold: 1,
  blur: 1,
  unflatten: 1,
  modulate: 1,
  sharpen: 1,
  normalise: 1,
  tint: 1,
  negate: 1,
  composite: 2,
} as const satisfies Record<OperationName, number>;

/** The operations split into what one pipeline each can do, in order. Orientation alone joins what follows. At least one. */
export function stagesOf(operations: Operations): Operations[] {
  const stages: Operations[] = [{}, {}, {}];
  const turns = operations.flip === true || operations.flop === true || operations.rotate !== undefined;
  for (const name of namesOf(operations)) {
    const place = name === 'autoOrient' && !turns ? 1 : STAGE[name];
    stages[place] = { ...stages[place], [name]: operations[name] };
  }
  const used = stages.filter((stage) => Object.keys(stage).length > 0);
  return used.length > 0 ? used : [{}];
}

/** Names of the operations that do something, in their order. */
export function namesOf(operations: Operations): OperationName[] {
  return OPERATION_ORDER.filter((name) => operations[name] !== undefined && operations[name] !== false);
}

/** Puts the operations of one stage on a pipeline. */
export function applyStage(image: Sharp, operations: Operations): Sharp {
  return namesOf(operations).reduce<Sharp>((pipeline, name) => {
    if (name === 'composite') return pipeline;
    return (APPLY[name] as Apply<OperationName>)(pipeline, operations[name] as never);
  }, image);
}
