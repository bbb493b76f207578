// Closed zod objects: an unknown field is an error that lists the fields that exist.
import * as z from 'zod';
import { suggest } from '../contract/suggest.ts';

/**
 * A strict object whose message for an unknown field names it and lists what there is instead. Of a value that is no object
 * it tells the shape, with an example where there is one.
 */
export function closed<Shape extends z.ZodRawShape>(shape: Shape, what = 'field', example?: object) {
  const such = example === undefined ? '' : ` such as ${JSON.stringify(example)}`;
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'invalid_type'
        ? `expected an object${such}`
        : issue.code === 'unrecognized_keys'
          ? `unknown ${what}: got ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}, expected one of ${Object.keys(shape).join(', ')}${meant(issue.keys, Object.keys(shape))}`
          : undefined,
  });
}

/** What the unknown names were probably meant to be. */
function meant(names: readonly string[], known: readonly string[]): string {
  const near = names.flatMap((name) => suggest(name, known) ?? []);
  return near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`;
}

const HEX = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const COLOUR = 'expected a colour: #rrggbb, #rrggbbaa, black, white, transparent or { r, g, b, alpha }';
const byte = z.number().min(0).max(255);

/** A colour: `#rgb`, `#rrggbb`, either with alpha, `black`, `white`, `transparent`, or `{ r, g, b, alpha }` with alpha from 0 to 1. */
export const colour = z.union(
  [
    z.string().regex(HEX, { error: COLOUR }),
    z.enum(['black', 'white', 'transparent']),
    closed({ r: byte, g: byte, b: byte, alpha: z.number().min(0).max(1).optional() }),
  ],
  { error: COLOUR },
);
