// Payload templates (Parameters, ItemSelector, BatchInput and their like): the one place where they are evaluated.
import type { Json } from '../../states-language.ts';
import type { Context } from './context.ts';
import { compileFunction } from './intrinsic.ts';
import { compilePath, type Evaluated } from './path.ts';

/**
 * Compiles a template: fields whose names end in `.$` are paths or intrinsic functions, all else stands for itself.
 * Throws SyntaxError for one that is neither.
 */
export function compileTemplate(template: Json): Evaluated {
  if (template === null || typeof template !== 'object') return () => template;
  if (Array.isArray(template)) {
    const elements = template.map(compileTemplate);
    return (input, context) => elements.map((element) => element(input, context));
  }
  const fields = Object.entries(template).map(([key, value]) =>
    key.endsWith('.$') && typeof value === 'string'
      ? { name: key.slice(0, -2), value: compileExpression(value) }
      : { name: key, value: compileTemplate(value as Json) },
  );
  return (input, context) => Object.fromEntries(fields.map(({ name, value }) => [name, value(input, context)]));
}

/** Compiles the text of a field whose name ends in `.$`. Throws SyntaxError. */
export function compileExpression(text: string): Evaluated {
  return text.startsWith('$') ? compilePath(text) : compileFunction(text);
}

/** Evaluates a template once. */
export function evaluateTemplate(template: Json, input: Json, context?: Context): Json {
  return compileTemplate(template)(input, context);
}
