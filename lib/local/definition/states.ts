// Task, Choice, Pass, Succeed and Fail states as the engine knows them.
import * as z from 'zod';
import { base, catcher, input, onward, path, result, retrier, seconds, template, text } from './fields.ts';

export const task = z.strictObject({
  ...base,
  ...onward,
  ...input,
  ...result,
  Resource: text.min(1),
  Parameters: template.optional(),
  ResultSelector: template.optional(),
  TimeoutSeconds: seconds.optional(),
  Retry: z.array(retrier).optional(),
  Catch: z.array(catcher).optional(),
});

export const choice = z.strictObject({
  ...base,
  Choices: z.array(z.strictObject({ Variable: path, StringEquals: text, Next: text })).min(1),
  Default: text.optional(),
});

export const pass = z.strictObject({ ...base, ...onward, ...result, Parameters: template.optional() });
export const succeed = z.strictObject(base);
export const fail = z.strictObject({ ...base, Error: text.optional(), Cause: text.optional() });
