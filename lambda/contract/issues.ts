// How a problem of a document reads: the field, what was expected, what was given, in the same words everywhere.
import type { z } from 'zod';
import { suggest } from './suggest.ts';

/**
 * One line per problem: `field: expected …, got …`. `known` gives the field names that exist at a path (for an unknown
 * field's error), or undefined where that is not known.
 */
export function describeIssue(
  issue: z.core.$ZodIssue,
  input: unknown,
  known: (path: readonly PropertyKey[]) => readonly string[] | undefined = () => undefined,
): string[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const names = known(path);
    const expected = names === undefined ? '' : `, expected one of ${names.join(', ')}`;
    return issue.keys.map((key) => {
      const near = suggest(key, names ?? []);
      const meant = near === undefined ? '' : `; did you mean ${fieldName([...path, near])}?`;
      return `${fieldName([...path, key])}: unknown field${expected}${meant}`;
    });
  }
  const expected = expectation(issue);
  if (/\bgot\b/.test(expected)) return [`${fieldName(path)}: ${expected}`];
  return [`${fieldName(path)}: ${expected}, got ${shown(valueAt(input, path))}`];
}

/** `outputs.0.width` as people write it: `outputs[0].width`. */
function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the document';
  return path
    .map((part, place) => (typeof part === 'number' ? `[${part}]` : `${place > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${article(issue.expected === 'int' ? 'whole number' : issue.expected)}`;
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, relation: string, value: number | bigint): string {
  const unit = { string: 'characters', array: 'elements', set: 'elements' }[origin];
  const singular = unit?.replace(/s$/, '');
  return unit === undefined
    ? `expected ${relation} ${value}`
    : `expected ${relation} ${value} ${Number(value) === 1 ? singular : unit}`;
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = input;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
