// The variants of a recipe: each is a whole recipe of its own, as a person would write it, with one value per varied field.
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { OPERATION_ORDER } from '../../../lambda/recipe/names.ts';
import { type Recipe, type RecipeObject, resolveRecipe, writtenWhole } from '../../../lambda/recipe/recipe.ts';
import { UsageError } from '../command.ts';

export interface Variant {
  /** What is different, for example `jpeg.quality=60`; `as written` for the recipe itself. */
  readonly name: string;
  /** The recipe to copy. */
  readonly written: RecipeObject;
  readonly recipe: Recipe;
}

/** More would make a page that nobody can look through. */
const MOST_VARIANTS = 40;

interface Varied {
  readonly path: readonly string[];
  readonly values: readonly unknown[];
}

/**
 * The recipe as it is, and one variant for each combination of the values. A field is changed in each output that says it
 * itself, else for all of them. Throws UsageError for what cannot be read, InvalidJob for a variant that is no valid recipe.
 */
export function variantsOf(given: unknown, vary: readonly string[]): readonly Variant[] {
  const whole = writtenWhole(given);
  const varied = vary.map(parseVary);
  let combinations: (readonly [path: readonly string[], value: unknown])[][] = [[]];
  for (const { path, values } of varied) {
    combinations = combinations.flatMap((before) => values.map((value) => [...before, [path, value] as const]));
  }
  if (combinations.length > MOST_VARIANTS)
    throw new UsageError(`--vary: expected at most ${MOST_VARIANTS} variants, got ${combinations.length}`);
  const itself: Variant = { name: 'as written', written: whole, recipe: resolveRecipe(given) };
  if (varied.length === 0) return [itself];
  return [itself, ...combinations.map((changes) => variantOf(whole, changes))];
}

function variantOf(whole: RecipeObject, changes: readonly (readonly [readonly string[], unknown])[]): Variant {
  const name = changes.map(([path, value]) => `${path.join('.')}=${plain(value)}`).join(', ');
  const written = changes.reduce<RecipeObject>((recipe, [path, value]) => changed(recipe, path, value), whole);
  try {
    return { name, written, recipe: resolveRecipe(written) };
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    throw new FanoutError(error.name, `--vary ${name}: ${error.message}`, { cause: error });
  }
}

function parseVary(text: string): Varied {
  const [, field = '', values = ''] = /^([a-zA-Z][\w.]*)=(.+)$/s.exec(text) ?? [];
  if (field === '' || field.split('.').includes('')) {
    throw new UsageError(`--vary: expected FIELD=VALUE,VALUE such as jpeg.quality=60,70,80, got ${text}`);
  }
  return { path: field.split('.'), values: values.split(',').map(readValue) };
}

/** A number, true, false or null as JSON has it; everything else is text. */
function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

type Fields = Readonly<Record<string, unknown>>;

function changed(recipe: RecipeObject, path: readonly string[], value: unknown): RecipeObject {
  const [field = ''] = path;
  const { outputs, ...shared } = recipe as Fields & { readonly outputs?: readonly Fields[] };
  const saying = (fields: Fields) => field in fields || (field === 'format' && 'best' in fields);
  const own = outputs?.map((output) => (saying(output) ? put(output, path, value) : output));
  // An operation beside the outputs is another one than theirs: it runs before.
  const isTheirs = (OPERATION_ORDER as readonly string[]).includes(field) && outputs?.some(saying) === true;
  const all = isTheirs ? shared : put(shared, path, value);
  return {
    ...all,
    ...(own === undefined ? {} : { outputs: field === 'format' ? distinct(own) : own }),
  } as RecipeObject;
}

function put(fields: Fields, [field = '', ...rest]: readonly string[], value: unknown): Fields {
  const kept =
    field === 'format' ? Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'best')) : fields;
  if (rest.length === 0) return { ...kept, [field]: value };
  const inner = kept[field];
  const own = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? (inner as Fields) : {};
  return { ...kept, [field]: put(own, rest, value) };
}

/** Outputs that were told apart by their format alone are one now. */
function distinct(outputs: readonly Fields[]): readonly Fields[] {
  const seen = new Set<string>();
  return outputs.filter(({ name: _, ...rest }) => {
    const text = JSON.stringify(rest);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
