// Numbers of bytes and of milliseconds in documents: plain, or with a unit as people write them.
import * as z from 'zod';
import { A_DURATION, durationOf } from './duration.ts';

/** What would have been a size, for an error's sentence. */
const A_SIZE = 'a number of bytes, or a size such as 500KB, 10MB or 1GiB';

/** Reads `10MB` (powers of 1000) or `1.5GiB` (of 1024), in any case, as bytes. Undefined for a text that is none. */
export function bytesOf(text: string): number | undefined {
  const [, count, prefix = '', binary] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b$/i.exec(text) ?? [];
  if (count === undefined) return undefined;
  const power = prefix === '' ? 0 : 'kmgt'.indexOf(prefix.toLowerCase()) + 1;
  return Math.round(Number(count) * (binary === '' ? 1000 : 1024) ** power);
}

/** A field of bytes: a number that `inner` takes, or a size with its unit. */
export function bytes(inner: z.ZodInt): z.ZodType<number, number | string> {
  return amount(inner, bytesOf, A_SIZE, '^\\d+(\\.\\d+)? ?([KkMmGgTt][Ii]?)?[Bb]$');
}

/** A field of milliseconds: a number that `inner` takes, or a duration with its units. */
export function milliseconds(inner: z.ZodInt): z.ZodType<number, number | string> {
  const what = `a number of milliseconds, or ${A_DURATION}`;
  return amount(inner, durationOf, what, '^(\\d+(\\.\\d+)?(ms|[smhd]))+$');
}

function amount(
  inner: z.ZodInt,
  read: (text: string) => number | undefined,
  what: string,
  pattern: string,
): z.ZodType<number, number | string> {
  const number = z.unknown().transform((input, { issues }) => {
    if (typeof input === 'number') return input;
    const value = typeof input === 'string' ? read(input) : undefined;
    if (value !== undefined) return value;
    issues.push({ code: 'custom', message: `expected ${what}`, input });
    return z.NEVER;
  });
  const { $schema: _, ...plain } = z.toJSONSchema(inner);
  return number.pipe(inner).meta({ anyOf: [plain, { type: 'string', pattern }] }) as unknown as z.ZodType<
    number,
    number | string
  >;
}
