// Output keys: a small template language, what it expands to, and whether two templates could meet at one key. No zod here.
import { createHash } from 'node:crypto';
import { FanoutError } from '../contract/errors.ts';
import { patternsMeet, type Token } from './meet.ts';
import { FORMATS, type FormatName } from './names.ts';
import type { Output, Recipe } from './types.ts';

/** Every placeholder with what it becomes. */
export const PLACEHOLDERS = {
  dir: 'folder of the source below its prefix, with a trailing slash unless empty',
  name: 'file name of the source without its extension',
  ext: 'extension of the source in lower case, without the dot',
  page: 'number of the page or frame, from 1; 1 unless `pages` is all',
  width: 'width that the recipe asks for in pixels, else the real one',
  height: 'height that the recipe asks for in pixels, else the real one',
  format: "extension of the output's format: jpg, webp, …",
  hash: '16 hexadecimal digits of the SHA-256 of the output',
  output: 'name of the output in the recipe',
} as const;

export type Placeholder = keyof typeof PLACEHOLDERS;

/** S3's limit: 1,024 bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const KEY_BYTES = 1024;

type Part = { readonly text: string } | { readonly placeholder: Placeholder };

function isPlaceholder(name: string): name is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, name);
}

/** Templates that stay taken apart: a process meets the few of its recipes, for every key. */
const known = new Map<string, readonly Part[]>();
const MOST_KNOWN = 1000;

function parts(template: string): readonly Part[] {
  const before = known.get(template);
  if (before !== undefined) return before;
  const made = template
    .split(/(\{[^{}]*\})/)
    .filter((piece) => piece !== '')
    .map((piece) =>
      piece.startsWith('{') && piece.endsWith('}')
        ? { placeholder: piece.slice(1, -1) as Placeholder }
        : { text: piece },
    );
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(template, made);
  return made;
}

/** What is wrong with a template, as a person should read it; undefined when nothing is. */
export function keyTemplateProblem(template: string): string | undefined {
  const got = `got ${JSON.stringify(template)}`;
  if (template === '') return `expected a key template such as {dir}{name}-{output}.{format}, ${got}`;
  const known = Object.keys(PLACEHOLDERS)
    .map((name) => `{${name}}`)
    .join('');
  for (const part of parts(template)) {
    if ('placeholder' in part) {
      if (!isPlaceholder(part.placeholder))
        return `unknown placeholder {${part.placeholder}}, expected those of ${known}, ${got}`;
    } else if (/[{}]/.test(part.text)) {
      return `expected braces only around placeholders (${known}), ${got}`;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    } else if (/[\u0000-\u001f\u007f\\]/.test(part.text)) {
      return `expected no control characters and no backslash, ${got}`;
    }
  }
  if (template.startsWith('/')) return `expected a key below the destination, without a leading slash, ${got}`;
  if (template.endsWith('/')) return `expected a key that names an object, without a trailing slash, ${got}`;
  if (template.split('/').some((segment) => segment === '.' || segment === '..'))
    return `expected no "." or ".." segment, ${got}`;
  if (!parts(template).some((part) => 'placeholder' in part && ['dir', 'name', 'hash'].includes(part.placeholder))) {
    return `expected {name}, {dir} or {hash}, so that different sources get different keys, ${got}`;
  }
  return undefined;
}

/** What placeholders become for one output of one source. */
export interface KeyFacts {
  /** Key of the source below its prefix. */
  readonly source: string;
  readonly output: string;
  /** From 1. */
  readonly page: number;
  /** Pixels: what the recipe asks for, else the real size. */
  readonly width: number;
  readonly height: number;
  readonly format: string;
  /** The output's bytes; read only where the template has {hash}. */
  readonly body: Uint8Array;
}

function sourceParts(key: string): { dir: string; name: string; ext: string } {
  const slash = key.lastIndexOf('/') + 1;
  const file = key.slice(slash);
  const dot = file.lastIndexOf('.');
  const cut = dot > 0 ? dot : file.length;
  return { dir: key.slice(0, slash), name: file.slice(0, cut), ext: file.slice(cut + 1).toLowerCase() };
}

function digest(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** The key of an output below the destination. Throws UnsafeKey when it would not be one: empty, absolute, with `..`, or too long. */
export function expandKey(template: string, facts: KeyFacts): string {
  const source = sourceParts(facts.source);
  let key = '';
  for (const part of parts(template)) key += 'text' in part ? part.text : expanded(part.placeholder, facts, source);
  return safeKey(key, facts.source, facts.output);
}

function expanded(placeholder: Placeholder, facts: KeyFacts, source: ReturnType<typeof sourceParts>): string {
  switch (placeholder) {
    case 'dir':
    case 'name':
    case 'ext':
      return source[placeholder];
    case 'hash':
      return digest(facts.body);
    default:
      return String(facts[placeholder]);
  }
}

function safeKey(key: string, source: string, output: string): string {
  const refuse = (expected: string): never => {
    throw new FanoutError(
      'UnsafeKey',
      `${source}: the key of output "${output}" would be ${JSON.stringify(key)}, expected ${expected}.`,
      {
        expected,
        met: key,
      },
    );
  };
  if (key === '' || key.endsWith('/')) refuse('a key that names an object');
  if (key.startsWith('/') || /^[a-z]:[\\/]/i.test(key)) refuse('a key below the destination');
  if (key.includes('\0')) refuse('a key without NUL');
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) refuse('no "." or ".." segment');
  if (key.split('/')[0] === '.image-fanout') refuse("a key outside image-fanout's own folder");
  if (Buffer.byteLength(key) > KEY_BYTES) refuse(`at most ${KEY_BYTES} bytes of UTF-8`);
  return key;
}

/** The size that the recipe asks for; a side is undefined where only the image knows. */
export function askedSize(
  recipe: Recipe,
  output: Output,
): { readonly width: number | undefined; readonly height: number | undefined } {
  const { resize, extract, extend, rotate } = output.operations;
  const settled =
    resize ??
    (extract === undefined && extend === undefined && rotate === undefined ? recipe.operations.resize : undefined);
  return { width: settled?.width, height: settled?.height };
}

/** The extension that {format} becomes, when the recipe alone says. */
function staticFormat(output: Output): string | undefined {
  const [format] = output.formats;
  return output.formats.length === 1 && format !== undefined && format !== 'same'
    ? FORMATS[format].extension
    : undefined;
}

/** Whether a template has {page}. */
export function hasPage(template: string): boolean {
  return parts(template).some((part) => 'placeholder' in part && part.placeholder === 'page');
}

/** The name under which the manifest is a rendition beside the outputs. */
export const MANIFEST_NAME = 'manifest';

/** A template and what of its placeholders the recipe settles. */
interface StaticOutput {
  readonly name: string;
  readonly template: string;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly format?: string | undefined;
  readonly formats: readonly string[];
  /** Whether it is made of every page. */
  readonly pages: boolean;
}

const staticOutputsOf = new WeakMap<Recipe, readonly StaticOutput[]>();

function staticOutputs(recipe: Recipe): readonly StaticOutput[] {
  const before = staticOutputsOf.get(recipe);
  if (before !== undefined) return before;
  const outputs: StaticOutput[] = recipe.outputs.map((output) => ({
    name: output.name,
    template: output.key,
    ...askedSize(recipe, output),
    format: staticFormat(output),
    pages: recipe.pages === 'all',
    formats: output.formats.flatMap((format) =>
      (format === 'same' ? Object.values(FORMATS) : [FORMATS[format as FormatName]]).map(({ extension }) => extension),
    ),
  }));
  if (recipe.manifest !== undefined) {
    outputs.push({
      name: MANIFEST_NAME,
      template: recipe.manifest.key,
      format: 'json',
      formats: ['json'],
      pages: false,
    });
  }
  staticOutputsOf.set(recipe, outputs);
  return outputs;
}

function isStatic(output: StaticOutput): boolean {
  return parts(output.template).every((part) => {
    if ('text' in part) return true;
    if (part.placeholder === 'hash') return false;
    if (part.placeholder === 'width' || part.placeholder === 'height' || part.placeholder === 'format')
      return output[part.placeholder] !== undefined;
    return true;
  });
}

/**
 * The keys that a source's outputs will have, as far as the recipe alone says: before the image is read. `key` is
 * undefined where only the image knows. In the recipe's order, the manifest last. With `pages: "all"` these are the keys of
 * one page: how many there are only the image knows. Throws UnsafeKey.
 */
export function staticOutputKeys(
  recipe: Recipe,
  source: string,
  page = 1,
): { readonly name: string; readonly key: string | undefined }[] {
  return staticOutputs(recipe).map((output) => ({ name: output.name, key: staticKey(output, source, page) }));
}

function staticKey(output: StaticOutput, source: string, page = 1): string | undefined {
  if (!isStatic(output)) return undefined;
  const { name, width = 0, height = 0, format = '' } = output;
  return expandKey(output.template, { source, page, output: name, width, height, format, body: NOTHING });
}

const NOTHING = Buffer.alloc(0);

/** Where two sources could meet: which outputs have to be compared, and how many can be compared by nobody. */
export interface Comparable {
  /** The keys of one source that have to be compared with those of all others. Throws UnsafeKey. */
  keysOf(source: string): readonly string[];
  /** Outputs whose keys only the image knows: those of pages after the first among them. */
  readonly unknown: number;
}

/**
 * Tells by which keys sources have to be compared so that none that meet are missed. Where all templates are one and the
 * same up to their last placeholder of the source, and none of what follows there is the end of another, two sources meet
 * at all outputs or at none: so one key, the longest, stands for all.
 */
export function comparableKeys(recipe: Recipe): Comparable {
  const outputs = staticOutputs(recipe).filter(isStatic);
  const paged = outputs.filter(({ pages, template }) => pages && hasPage(template)).length;
  const unknown = staticOutputs(recipe).length - outputs.length + paged;
  const ends = outputs.map((output) => headAndTail(output));
  const alike =
    ends.every(({ head }) => head === ends[0]?.head) &&
    ends.every(({ tail }, place) => ends.every((other, at) => at === place || !other.tail.endsWith(tail)));
  const longest = ends.reduce(
    (most, { tail }, place) => (tail.length > (ends[most]?.tail.length ?? 0) ? place : most),
    0,
  );
  const compared = alike ? outputs.slice(longest, longest + 1) : outputs;
  return { keysOf: (source) => compared.map((output) => staticKey(output, source) as string), unknown };
}

/** A template up to its last placeholder of the source, and the text after it. */
function headAndTail(output: StaticOutput): { readonly head: string; readonly tail: string } {
  const settled = parts(output.template).map((part) => {
    if ('text' in part) return { text: part.text };
    if (['dir', 'name', 'ext'].includes(part.placeholder)) return { source: part.placeholder };
    if (part.placeholder === 'page') return { text: '1' };
    return { text: part.placeholder === 'output' ? output.name : String(output[part.placeholder as 'width']) };
  });
  const last = settled.findLastIndex((part) => 'source' in part);
  // Text before it may stand in several parts, so it is joined.
  const head = settled.slice(0, last + 1).map((part) => ('source' in part ? `{${part.source}}` : part.text));
  const tail = settled.slice(last + 1).map((part) => ('text' in part ? part.text : ''));
  return { head: head.join(''), tail: tail.join('') };
}

/** The key as a pattern, one for each format that the output may come out in. */
function patterns(output: StaticOutput): Token[][] {
  return [...new Set(output.formats)].map((format) =>
    parts(output.template).flatMap((part): Token[] => {
      if ('text' in part) return [...part.text];
      switch (part.placeholder) {
        case 'output':
          return [...output.name];
        case 'width':
        case 'height':
          return output[part.placeholder] === undefined ? [{ any: 'digits' }] : [...String(output[part.placeholder])];
        case 'page':
          return output.pages ? [{ any: 'digits' }] : ['1'];
        case 'format':
          return [...format];
        case 'hash':
          return [{ any: 'hex' }];
        default:
          return [{ source: part.placeholder }];
      }
    }),
  );
}

/** Pairs of outputs of one recipe that could get one key from one source. Errs on the side of "could". */
export function outputsThatMeet(recipe: Recipe): { readonly a: string; readonly b: string; readonly key: string }[] {
  const outputs = staticOutputs(recipe).map((output) => ({ ...output, patterns: patterns(output) }));
  const meet = (a: readonly Token[][], b: readonly Token[][]): boolean =>
    a.some((one) => b.some((other) => patternsMeet(one, other)));
  return outputs.flatMap((a, index) =>
    outputs
      .slice(index + 1)
      .flatMap((b) => (meet(a.patterns, b.patterns) ? [{ a: a.name, b: b.name, key: a.template }] : [])),
  );
}
