// Fields that several kinds of states share.
import * as z from 'zod';
import { compilePath, namesOf } from '../states/path.ts';
import { LONGEST_SECONDS } from '../states/retry.ts';
import { compileExpression } from '../states/template.ts';

export type Fields = Readonly<Record<string, unknown>>;

// The limits are the specification's: https://states-language.net/ and
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
export const seconds = z.int().min(1).max(LONGEST_SECONDS);
export const text = z.string();
export const path = text.check(compiles(compilePath));
const resultPath = text.check(compiles(namesOf));
const errors = z.array(text).min(1);

/** Whatever is compiled when the definition is run compiles when it is checked. */
function compiles(compile: (text: string) => unknown) {
  return (context: z.core.ParsePayload<string>) => {
    for (const message of problemOf(compile, context.value)) {
      context.issues.push({ code: 'custom', input: context.value, message });
    }
  };
}

function problemOf(compile: (text: string) => unknown, text: string): string[] {
  try {
    compile(text);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

export const retrier = z.strictObject({
  ErrorEquals: errors,
  IntervalSeconds: seconds.optional(),
  MaxAttempts: z.int().min(0).max(99_999_999).optional(),
  BackoffRate: z.number().min(1).optional(),
  MaxDelaySeconds: z.int().min(1).max(LONGEST_SECONDS).optional(),
  JitterStrategy: z.enum(['FULL', 'NONE']).optional(),
});
export const catcher = z.strictObject({
  ErrorEquals: errors,
  ResultPath: resultPath.nullable().optional(),
  Next: text,
});

// The context object's parts that the engine fills: no $$.State, no $$.Task.
const CONTEXT = /\$\$(?!\.(Execution|StateMachine|Map)\b)/;

export const template = z.record(text, z.unknown()).check((context) => {
  for (const problem of templateProblems(context.value, []))
    context.issues.push({ code: 'custom', input: context.value, ...problem });
});

function templateProblems(value: unknown, at: readonly string[]): { path: string[]; message: string }[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const path = [...at, key];
    if (!key.endsWith('.$')) return templateProblems(member, path);
    if (typeof member !== 'string' || !/^(\$|States\.)/.test(member)) {
      return [{ path, message: `expected a path or an intrinsic function, got ${JSON.stringify(member)}` }];
    }
    if (CONTEXT.test(member)) return [{ path, message: `unknown part of the context object: ${member}` }];
    return problemOf(compileExpression, member).map((message) => ({ path, message }));
  });
}

export const base = { Type: text, Comment: text.optional() };
export const onward = { Next: text.optional(), End: z.literal(true).optional() };
export const input = { InputPath: path.optional(), OutputPath: path.optional() };
export const result = { ResultPath: resultPath.nullable().optional() };

/** At most one of a field and its `…Path`. */
export function exclusive(...fields: readonly string[]) {
  return (context: z.core.ParsePayload<Fields>) => {
    for (const field of fields) {
      if (context.value[field] === undefined || context.value[`${field}Path`] === undefined) continue;
      const message = `${field} and ${field}Path exclude each other`;
      context.issues.push({ code: 'custom', input: context.value, path: [field], message });
    }
  };
}
