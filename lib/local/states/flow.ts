// What goes into a state's work and what comes out: InputPath and Parameters, ResultSelector, ResultPath and OutputPath.
import type { Json, PayloadTemplate } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import type { Context } from './context.ts';
import { compilePath, type Evaluated, namesOf } from './path.ts';
import { compileTemplate } from './template.ts';

interface InputFields {
  readonly InputPath?: string;
  readonly Parameters?: PayloadTemplate;
}

interface OutputFields {
  readonly ResultSelector?: PayloadTemplate;
  readonly ResultPath?: string | null;
  readonly OutputPath?: string;
}

/** The state's input as its work is given it. */
export function compileInput({ InputPath, Parameters }: InputFields): Evaluated {
  const select = InputPath === undefined ? undefined : compilePath(InputPath);
  const parameters = Parameters === undefined ? undefined : compileTemplate(Parameters);
  return (input, context) => {
    const selected = select === undefined ? input : select(input, context);
    return parameters === undefined ? selected : parameters(selected, context);
  };
}

/** The state's output, from its input and its work's result. */
export function compileOutput({ ResultSelector, ResultPath, OutputPath }: OutputFields) {
  const select = ResultSelector === undefined ? undefined : compileTemplate(ResultSelector);
  const place = compileResultPath(ResultPath);
  const out = OutputPath === undefined ? undefined : compilePath(OutputPath);
  return (input: Json, result: Json, context: Context): Json => {
    const placed = place(input, select === undefined ? result : select(result, context));
    return out === undefined ? placed : out(placed, context);
  };
}

/** Puts a result into an input; `$` stands for the result alone, null for the input. */
export function compileResultPath(path: string | null | undefined): (input: Json, result: Json) => Json {
  if (path === null) return (input) => input;
  const names = namesOf(path ?? '$');
  if (names.length === 0) return (_, result) => result;
  return (input, result) => {
    if (!isObject(input)) throw new StatesError('States.ResultPathMatchFailure', 'States.ResultPathMatchFailure');
    return placed(input, names, result);
  };
}

function placed(into: Json | undefined, [name, ...rest]: readonly string[], result: Json): Json {
  if (name === undefined) return result;
  const fields = isObject(into) ? into : {};
  return { ...fields, [name]: placed(Object.hasOwn(fields, name) ? fields[name] : undefined, rest, result) };
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
