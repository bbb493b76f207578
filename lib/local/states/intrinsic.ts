// Intrinsic functions in payload templates: a few of https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
import { randomUUID } from 'node:crypto';
import type { Json } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import { compilePath, type Evaluated } from './path.ts';

type IntrinsicFunction = (values: readonly Json[]) => Json;

/** The others fail when the definition is loaded: our workflow needs none, and what nobody runs nobody would see break. */
const FUNCTIONS: Readonly<Record<string, IntrinsicFunction>> = {
  'States.Array': (values) => values,
  'States.ArrayLength': (values) => arrayIn('States.ArrayLength', only('States.ArrayLength', values)).length,
  'States.Format': ([text, ...values]) => format(text, values),
  'States.JsonToString': (values) => JSON.stringify(only('States.JsonToString', values)),
  'States.UUID': () => randomUUID(),
};

/**
 * Compiles a call such as `States.Format('{}.jpg', $.name)`; arguments are texts in apostrophes, numbers, true, false,
 * null, paths and further calls. Throws SyntaxError, naming what is unknown.
 */
export function compileFunction(text: string): Evaluated {
  const parser = { text, at: 0 };
  const evaluated = call(parser);
  if (parser.at < text.length) throw unreadable(parser);
  return evaluated;
}

interface Parser {
  readonly text: string;
  at: number;
}

function call(parser: Parser): Evaluated {
  const name = token(parser, /\s*([\w.]+)\s*\(\s*/y);
  const known = name !== undefined && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (name === undefined) throw unreadable(parser);
  if (known === undefined) {
    throw new SyntaxError(`unknown intrinsic function ${name}; known are ${Object.keys(FUNCTIONS).join(', ')}`);
  }
  const values: Evaluated[] = [];
  if (token(parser, /(\))\s*/y) === undefined) {
    do values.push(argument(parser));
    while (token(parser, /(,)\s*/y) !== undefined);
    if (token(parser, /(\))\s*/y) === undefined) throw unreadable(parser);
  }
  return (input, context) => known(values.map((value) => value(input, context)));
}

function argument(parser: Parser): Evaluated {
  if (/^\s*[A-Za-z]+\./.test(parser.text.slice(parser.at))) return call(parser);
  const text = token(parser, /'((?:\\.|[^'\\])*)'\s*/sy);
  // A Format's text keeps its escaped braces until the places for values are found.
  if (text !== undefined) return () => text.replaceAll(/\\([^{}])/g, '$1');
  const path = token(parser, /(\$(?:\[(?:'[^']*'|"[^"]*"|\d+)\]|[^\s,()'"[\]])*)\s*/y);
  if (path !== undefined) return compilePath(path);
  const literal = token(parser, /(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)\s*/y);
  if (literal === undefined) throw unreadable(parser);
  const value = JSON.parse(literal) as Json;
  return () => value;
}

function token(parser: Parser, pattern: RegExp): string | undefined {
  pattern.lastIndex = parser.at;
  const found = pattern.exec(parser.text);
  if (found !== null) parser.at = pattern.lastIndex;
  return found?.[1];
}

function unreadable({ text, at }: Parser): SyntaxError {
  return new SyntaxError(
    `expected an intrinsic function, got ${JSON.stringify(text)}, unreadable at its character ${at}`,
  );
}

function format(text: Json | undefined, values: readonly Json[]): string {
  if (typeof text !== 'string') throw unfit('States.Format', 1, ['string'], text);
  const place = values.findIndex((value) => value !== null && typeof value === 'object');
  if (place >= 0) throw unfit('States.Format', place + 2, ['string', 'boolean', 'number', 'null'], values[place]);
  let used = 0;
  const formatted = text.replaceAll(/\\([{}])|\{\}/g, (_, escaped?: string) => escaped ?? String(values[used++]));
  if (used === values.length) return formatted;
  throw runtime('Number of arguments in States.Format do not match the occurrences of {}');
}

function only(name: string, values: readonly Json[]): Json {
  if (values.length === 1) return values[0] as Json;
  throw runtime(`Intrinsic function ${name} expects exactly 1 arguments, but received ${values.length}`);
}

function arrayIn(name: string, value: Json): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw unfit(name, 1, ['array'], value);
}

function unfit(name: string, place: number, types: readonly string[], value: Json | undefined): StatesError {
  const expected = types.map((type) => `'${type}'`).join(' | ');
  return runtime(
    `Intrinsic function ${name} expected argument ${place} to be of type ${expected}, but received ${typeof value}`,
  );
}

const runtime = (cause: string) => new StatesError('States.Runtime', cause);
