// The numbers of a Map state, literal or by path, with the service's own sentences for bad ones.
import type { DistributedMapState, Json, PayloadTemplate } from '../states-language.ts';
import { StatesError } from './states-error.ts';
import type { Tolerance } from './tolerance.ts';

/** Evaluates a payload template against the Map state's input and context. */
export type Evaluate = (template: PayloadTemplate) => Json;

/** Most children of one Map Run at once: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MOST_CHILDREN = 10_000;

export interface MapSettings {
  maxConcurrency: number;
  tolerance: Tolerance;
}

/** What UpdateMapRun changes while a Map Run is under way. */
export interface MapRunUpdate {
  readonly maxConcurrency?: number;
  readonly toleratedFailureCount?: number;
  readonly toleratedFailurePercentage?: number;
}

/** Reads MaxConcurrency and the tolerated failures. Throws States.Runtime on a bad value. */
export function readSettings(state: DistributedMapState, evaluate: Evaluate): MapSettings {
  const concurrency = integerField(evaluate, state, 'MaxConcurrency');
  const count = integerField(evaluate, state, 'ToleratedFailureCount');
  const percentage = numberField(evaluate, state, 'ToleratedFailurePercentage', 'float');
  return updated(
    { maxConcurrency: 0, tolerance: {} },
    {
      ...(concurrency === undefined ? {} : { maxConcurrency: concurrency }),
      ...(count === undefined ? {} : { toleratedFailureCount: count }),
      ...(percentage === undefined ? {} : { toleratedFailurePercentage: percentage }),
    },
  );
}

/** The settings with some of them changed, checked the same way. */
export function updated(settings: MapSettings, update: MapRunUpdate): MapSettings {
  const { maxConcurrency, toleratedFailureCount: count, toleratedFailurePercentage: percentage } = update;
  if (maxConcurrency !== undefined && maxConcurrency < 0) throw runtime('MaxConcurrency cannot be negative.');
  if (count !== undefined && count < 0) throw runtime('ToleratedFailureCount cannot be negative.');
  if (percentage !== undefined && !(percentage >= 0 && percentage <= 100)) {
    throw runtime('ToleratedFailurePercentage must be between 0 and 100.');
  }
  const concurrency = maxConcurrency ?? settings.maxConcurrency;
  return {
    maxConcurrency: concurrency === 0 ? MOST_CHILDREN : Math.min(concurrency, MOST_CHILDREN),
    tolerance: {
      ...settings.tolerance,
      ...(count === undefined ? {} : { count }),
      ...(percentage === undefined ? {} : { percentage }),
    },
  };
}

/** What holds a number under a name, or a path to it under the name with `Path`. */
type NumberField<Name extends string> = { readonly [Field in Name]?: number | undefined } & {
  readonly [Field in `${Name}Path`]?: string | undefined;
};

/** A whole number, literal or by path; undefined when neither is there. */
export function integerField<Name extends string>(
  evaluate: Evaluate,
  fields: NumberField<Name>,
  name: Name,
): number | undefined {
  return numberField(evaluate, fields, name, 'integer');
}

function numberField<Name extends string>(
  evaluate: Evaluate,
  fields: NumberField<Name>,
  name: Name,
  kind: 'integer' | 'float',
): number | undefined {
  const path = fields[`${name}Path`] as string | undefined;
  if (path === undefined) return fields[name];
  const { value } = evaluate({ 'value.$': path }) as { readonly value: Json };
  if (typeof value === 'number' && (kind === 'float' || Number.isInteger(value))) return value;
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  throw runtime(`The ${name}Path field refers to value "${shown}" which is not a valid ${kind}: ${path}`);
}

const runtime = (cause: string) => new StatesError('States.Runtime', cause);
