// Paths: where a value is in a state's input or in the context object; compiled once, walked for each item.
import type { Json } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import type { Context } from './context.ts';

/** Gives the value of an expression for one input. Throws States.Runtime where there is none. */
export type Evaluated = (input: Json, context?: Context) => Json;

const STEP = /\.([^\s.[\]'"*?@(),:]+)|\[(?:'([^']*)'|"([^"]*)"|(\d+))\]/y;

/**
 * Compiles a reference path: `$` or `$$`, then names and indexes, as in `$.a['b c'][0]`. Filters, slices, wildcards and
 * descents find any number of values and are no reference paths: SyntaxError, as for all else that is none.
 */
export function compilePath(path: string): Evaluated {
  const root = path.startsWith('$$') ? '$$' : '$';
  const steps = stepsOf(path, path.slice(root.length));
  return (input, context) => {
    let value: unknown = root === '$' ? input : context;
    for (const step of steps) {
      if (!value || !Object.hasOwn(value, step)) {
        throw new StatesError('States.Runtime', `Path expression '${path}' does not point to a value`);
      }
      value = (value as Record<string, unknown>)[step];
    }
    return value as Json;
  };
}

/** The names of a reference path that leads from `$` through objects alone: where a ResultPath may put a result. */
export function namesOf(path: string): readonly string[] {
  if (/\[\d/.test(path)) throw new SyntaxError(`expected a path of names, such as $.a['b'], got ${path}`);
  return stepsOf(path, path.slice(1));
}

function stepsOf(path: string, rest: string): readonly string[] {
  const steps: string[] = [];
  let end = path.startsWith('$') ? 0 : -1;
  while (end >= 0 && end < rest.length) {
    STEP.lastIndex = end;
    const found = STEP.exec(rest);
    const step = found?.[1] ?? found?.[2] ?? found?.[3] ?? found?.[4];
    end = step === undefined ? -1 : STEP.lastIndex;
    if (step !== undefined) steps.push(step);
  }
  if (end < 0) throw new SyntaxError(`expected a path of names and indexes, such as $.a['b'][0], got ${path}`);
  return steps;
}
