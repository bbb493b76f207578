// From what a person wrote to the resolved recipe: presets merged, widths expanded, defaults filled in, contradictions found.

import type { z } from 'zod';
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import { gainMapProblem } from './gain-map.ts';
import { hasPage, MANIFEST_NAME, outputsThatMeet } from './keys.ts';
import type { PresetName } from './names.ts';
import { FORMAT_NAMES, OPERATION_ORDER, PDF_DENSITY } from './names.ts';
import { PRESETS } from './presets.ts';
import { type OutputObject, type RecipeObject, recipeObject } from './schema.ts';
import type { Encoders, Operations, Output, Recipe } from './types.ts';

/** One thing that is wrong with a recipe, and where. */
export interface RecipeProblem {
  readonly path: readonly PropertyKey[];
  /** What was expected and what was given. */
  readonly message: string;
}

type Fields = Omit<OutputObject, 'name'>;

/** Reads a preset's name or a recipe: the resolved recipe, or every problem at once. */
export function readRecipe(
  input: unknown,
): { readonly recipe: Recipe } | { readonly problems: readonly RecipeProblem[] } {
  const names = Object.keys(PRESETS);
  const preset = typeof input === 'string' && names.includes(input);
  if (!preset && !isPlain(input)) {
    const message = `expected one of the presets ${names.join(', ')}, or a recipe object, got ${shown(input)}`;
    return { problems: [{ path: [], message }] };
  }
  const parsed = recipeObject.safeParse(preset ? { extends: input } : input);
  if (!parsed.success) return { problems: parsed.error.issues.map((issue) => problemOf(issue, input)) };
  const merged = parsed.data.extends === undefined ? parsed.data : extend(PRESETS[parsed.data.extends], parsed.data);
  const recipe = fill(merged);
  const problems = contradictions(recipe, parsed.data);
  return problems.length > 0 ? { problems } : { recipe };
}

/** The resolved recipe. Throws InvalidJob that lists every problem, one a line: where, what was expected, what was given. */
export function resolveRecipe(input: unknown): Recipe {
  const read = readRecipe(input);
  if ('recipe' in read) return read.recipe;
  const lines = read.problems.map(({ path, message }) => `  ${placeOf(['recipe', ...path])}: ${message}`);
  const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
  throw new FanoutError('InvalidJob', `The recipe has ${count}:\n${lines.join('\n')}`);
}

/** A recipe that is valid, with its preset merged in and nothing filled in: as a person would have written it whole. */
export function writtenWhole(input: unknown): RecipeObject {
  const recipe = recipeObject.parse(typeof input === 'string' ? { extends: input } : input);
  return recipe.extends === undefined ? recipe : extend(PRESETS[recipe.extends], recipe);
}

/** A path as a person writes it: `recipe.outputs[0].resize`. */
function placeOf(path: readonly PropertyKey[]): string {
  const steps = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  return steps.join('').slice(1);
}

/** zod's issue in the words of all our problems: what was expected, what was given. */
function problemOf(issue: z.core.$ZodIssue, input: unknown): RecipeProblem {
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  const message = (inner ?? issue).message
    .replace(/^Invalid (input|option): /, '')
    .replace(/, received .*$/, '')
    .replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  if (/\bgot\b/.test(message)) return { path: issue.path, message };
  const given = inner === undefined ? valueAt(input, issue.path) : issue.path.at(-1);
  return { path: issue.path, message: `${message}, got ${shown(given)}` };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      value !== null && typeof value === 'object' ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    input,
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** One field over another: objects field by field, everything else as a whole. */
function over(base: unknown, own: unknown): unknown {
  if (own === undefined) return base;
  if (!isPlain(base) || !isPlain(own)) return own;
  return Object.fromEntries(
    [...new Set([...Object.keys(base), ...Object.keys(own)])].map((name) => [name, over(base[name], own[name])]),
  );
}

function extend(base: RecipeObject, own: RecipeObject): RecipeObject {
  const { outputs: baseOutputs = [], ...baseFields } = base;
  const { outputs: ownOutputs = [], extends: _, without = [], ...ownFields } = own;
  const kept = baseOutputs
    .filter(({ name }) => !without.includes(name))
    .map(
      (output) =>
        over(
          output,
          ownOutputs.find(({ name }) => name === output.name),
        ) as OutputObject,
    );
  const added = ownOutputs.filter(
    ({ name }) => !baseOutputs.some((output) => output.name === name && !without.includes(name)),
  );
  const fields = over(baseFields, ownFields) as RecipeObject;
  // The one of format and best that the recipe says replaces the preset's other one.
  if (own.best !== undefined && own.format === undefined) delete (fields as { format?: unknown }).format;
  return { ...fields, outputs: [...kept, ...added] };
}

function pick<Name extends string>(names: readonly Name[], fields: object): { [Key in Name]?: never } {
  return Object.fromEntries(
    names.flatMap((name) => (name in fields ? [[name, (fields as Record<string, unknown>)[name]]] : [])),
  ) as never;
}

function fill(recipe: RecipeObject): Recipe {
  const shared = pick(OPERATION_ORDER, recipe) as Operations;
  const outputs = (recipe.outputs ?? [{ name: 'image' }]).flatMap((output) => fillOutput(output, recipe));
  const single = outputs.length === 1;
  const page = recipe.pages === 'all' ? '-{page}' : '';
  return {
    operations: { autoOrient: true, ...shared },
    outputs: outputs.map(({ key, ...output }) => ({
      ...output,
      key: key ?? (single ? `{dir}{name}${page}.{format}` : `{dir}{name}-{output}${page}.{format}`),
    })),
    colour: recipe.colour ?? 'srgb',
    animated: recipe.animated ?? 'keep',
    ...(recipe.pages === undefined || recipe.pages === 'first' ? {} : { pages: recipe.pages }),
    ...(recipe.density === undefined || recipe.density === PDF_DENSITY ? {} : { density: recipe.density }),
    salvage: recipe.salvage ?? false,
    allow: recipe.allow ?? [],
    placeholder: recipe.placeholder ?? false,
    ...(recipe.manifest === undefined ? {} : { manifest: recipe.manifest }),
  };
}

type Unkeyed = Omit<Output, 'key'> & { readonly key: string | undefined };

function fillOutput(output: OutputObject, shared: Fields): Unkeyed[] {
  const operations = pick(OPERATION_ORDER, output) as Operations;
  const own = output.format === undefined && output.best === undefined ? shared : output;
  const formats = own.best ?? [own.format ?? ('same' as const)];
  const used = FORMAT_NAMES.filter((format) => formats.includes(format) || formats.includes('same'));
  const filled = {
    key: output.key ?? shared.key,
    formats,
    encoders: over(pick(used, shared), pick(used, output)) as Encoders,
    metadata: output.metadata ?? shared.metadata ?? ('strip' as const),
    copyright: output.copyright ?? shared.copyright ?? false,
    keepLossless: output.keepLossless ?? shared.keepLossless ?? false,
    onLarger: output.onLarger ?? shared.onLarger ?? ('keep' as const),
    ...definedOnly({
      maxBytes: output.maxBytes ?? shared.maxBytes,
      keepGainMap: (output.keepGainMap ?? shared.keepGainMap) === true ? (true as const) : undefined,
      minSsim: output.minSsim ?? shared.minSsim,
      contentType: output.contentType ?? shared.contentType,
      cacheControl: output.cacheControl ?? shared.cacheControl,
      storageClass: output.storageClass ?? shared.storageClass,
      tags: output.tags ?? shared.tags,
      userMetadata: output.userMetadata ?? shared.userMetadata,
    }),
  };
  // An output with a size of its own is not meant by the widths beside the outputs.
  const widths =
    output.widths ??
    (operations.resize?.width === undefined && operations.resize?.height === undefined ? shared.widths : undefined);
  if (widths === undefined) return [{ name: output.name, operations, ...filled }];
  return widths.map((width) => ({
    name: `${output.name}-${width}`,
    operations: { ...operations, resize: { withoutEnlargement: true, ...operations.resize, width } },
    ...filled,
  }));
}

function contradictions(recipe: Recipe, own: RecipeObject): RecipeProblem[] {
  const problems: RecipeProblem[] = [];
  const say = (path: PropertyKey[], message: string) => problems.push({ path, message });
  if (own.format !== undefined && own.best !== undefined) say(['format'], 'expected one of format and best, got both');
  own.outputs?.forEach((output, index) => {
    if (output.format !== undefined && output.best !== undefined)
      say(['outputs', index, 'format'], 'expected one of format and best, got both');
  });
  const known =
    own.extends === undefined ? [] : PRESETS[own.extends as PresetName].outputs.map(({ name }) => name as string);
  for (const name of own.without ?? []) {
    if (!known.includes(name))
      say(
        ['without'],
        `expected names of the preset's outputs${known.length > 0 ? ` (${known.join(', ')})` : ''}, got ${JSON.stringify(name)}`,
      );
  }
  if (recipe.outputs.length === 0) say(['outputs'], 'expected at least one output, got none');
  const names = recipe.outputs.map(({ name }) => name);
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    say(['outputs'], `expected outputs with names of their own, got "${name}" twice`);
  }
  if (recipe.manifest !== undefined && names.includes(MANIFEST_NAME))
    say(['outputs'], `expected another name beside a manifest, got "${MANIFEST_NAME}"`);
  for (const output of recipe.outputs) {
    const problem = gainMapProblem(recipe.operations, output);
    if (problem !== undefined) say(['outputs'], problem);
  }
  if (recipe.pages === 'all') {
    for (const template of new Set(recipe.outputs.map(({ key }) => key))) {
      if (!hasPage(template))
        say(['key'], `expected {page} in the key, as pages is all, got ${JSON.stringify(template)}`);
    }
  }
  if (recipe.manifest !== undefined && hasPage(recipe.manifest.key))
    say(['manifest', 'key'], `expected no {page}, as one manifest lists all pages, got "${recipe.manifest.key}"`);
  for (const { a, b, key } of outputsThatMeet(recipe)) {
    say(
      ['outputs'],
      `expected outputs that cannot meet at one key; "${a}" and "${b}" could (${key}): tell them apart with {output}, got ${JSON.stringify([a, b])}`,
    );
  }
  return problems;
}
