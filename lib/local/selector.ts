// The item selector: the same result as the interpreter's, for a million items in seconds.
import type { Json, PayloadTemplate } from '../states-language.ts';
import type { Context, Interpreter, MapItem } from './interpreter.ts';
import { pathField, stepsBelow, UNKNOWN, walked } from './plain-path.ts';

/** Makes the JSON text of one item; a promise only where the interpreter had to be asked. */
export type Selector = (item: MapItem) => string | Promise<string>;

type Part = (item: MapItem) => Json | typeof UNKNOWN;

/**
 * Prepares a selector. What does not depend on the item is evaluated once, by the interpreter; plain paths below
 * `$$.Map.Item` are walked here; a template with anything else is given to the interpreter for each item.
 */
export async function createSelector(
  template: PayloadTemplate | undefined,
  input: Json,
  context: Context,
  interpreter: Interpreter,
): Promise<Selector> {
  if (template === undefined) return (item) => JSON.stringify(item.Value);
  const asked = async (item: MapItem) =>
    JSON.stringify(await interpreter.evaluate(template, input, { ...context, Map: { Item: item } }));
  const part = await compile(template, (constant) => interpreter.evaluate(constant, input, context));
  if (part === undefined) return asked;
  return (item) => {
    const value = part(item);
    return value === UNKNOWN ? asked(item) : JSON.stringify(value);
  };
}

async function compile(template: Json, evaluate: (template: Json) => Promise<Json>): Promise<Part | undefined> {
  if (!dependsOnItem(template)) {
    const value = await evaluate(template);
    return () => value;
  }
  if (template === null || typeof template !== 'object' || Array.isArray(template)) return undefined;
  const fields: { readonly name: string; readonly part: Part }[] = [];
  for (const [key, value] of Object.entries(template)) {
    const part = await compileField(key, value, evaluate);
    if (part === undefined) return undefined;
    fields.push(part);
  }
  return (item) => {
    const object: Record<string, Json> = {};
    for (const { name, part } of fields) {
      const value = part(item);
      if (value === UNKNOWN) return UNKNOWN;
      object[name] = value;
    }
    return object;
  };
}

async function compileField(
  key: string,
  value: Json,
  evaluate: (template: Json) => Promise<Json>,
): Promise<{ readonly name: string; readonly part: Part } | undefined> {
  if (!key.endsWith('.$') || typeof value !== 'string') {
    const part = await compile(value, evaluate);
    return part && { name: key, part };
  }
  if (!dependsOnItem({ [key]: value })) {
    const [entry] = Object.entries((await evaluate({ [key]: value })) as Record<string, Json>);
    return entry && { name: entry[0], part: () => entry[1] };
  }
  const steps = stepsBelow('$$.Map.Item', value);
  const name = pathField(key);
  if (steps === undefined || name === undefined) return undefined;
  return { name, part: (item) => walked(item, steps) as Json | typeof UNKNOWN };
}

/** Whether any path below mentions the item, or a function gives another answer each time. */
function dependsOnItem(template: Json): boolean {
  if (template === null || typeof template !== 'object') return false;
  if (Array.isArray(template)) return template.some(dependsOnItem);
  return Object.entries(template).some(([key, value]) =>
    typeof value === 'string'
      ? key.endsWith('.$') && /\$\$\.Map|States\.(UUID|MathRandom)/.test(value)
      : dependsOnItem(value as Json),
  );
}
