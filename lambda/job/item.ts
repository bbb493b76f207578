// From a reader's item to a key: every reader's shape becomes the same small record.
import { FanoutError } from '../contract/errors.ts';
import type { ReaderKind } from './prepared.ts';

/** One item of a run, whichever reader gave it. */
export interface Item {
  readonly key: string;
  /** Without quotes. Known from listings and from inventories that have the column. */
  readonly etag?: string;
  readonly bytes?: number;
  /** True for inventory rows of old versions and delete markers: nothing to read. */
  readonly notCurrent?: true;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads what ItemReader gave: a key as a string, a listed object (`Key`, `Etag`, `Size`), a CSV row or JSON object with a
 * field `key`, or an inventory row, whose key is URL-encoded. Throws InvalidItem that says what was expected and given.
 */
export function itemOf(value: unknown, kind: ReaderKind): Item {
  if (typeof value === 'string' && value !== '') return { key: value };
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidItem(value);
  const fields = value as Fields;
  const key = text(fields, 'key') ?? text(fields, 'Key') ?? textInAnyCase(fields, 'key');
  if (key === undefined || key === '') throw invalidItem(value);
  if (kind === 'S3_INVENTORY') return inventoryItem(fields, decodeKey(key));
  const etag = text(fields, 'Etag') ?? text(fields, 'ETag');
  const bytes = fields['Size'];
  return {
    key,
    ...(etag === undefined ? {} : { etag: unquoted(etag) }),
    ...(typeof bytes === 'number' ? { bytes } : {}),
  };
}

/** The key of an item for reports, also when the item is not valid: then its JSON. */
export function keyOf(value: unknown, kind: ReaderKind): string {
  try {
    return itemOf(value, kind).key;
  } catch {
    return JSON.stringify(value) ?? String(value);
  }
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html: all fields are strings.
function inventoryItem(fields: Fields, key: string): Item {
  const etag = text(fields, 'ETag');
  const bytes = Number(text(fields, 'Size') ?? Number.NaN);
  // Printed in several cases: TRUE, True, true.
  const says = (field: string, word: string): boolean => text(fields, field)?.toLowerCase() === word;
  const old = says('IsLatest', 'false') || says('IsDeleteMarker', 'true');
  return {
    key,
    ...(etag === undefined || etag === '' ? {} : { etag: unquoted(etag) }),
    ...(Number.isFinite(bytes) ? { bytes } : {}),
    ...(old ? { notCurrent: true as const } : {}),
  };
}

/** Inventories encode keys as forms do: `+` is a space, `%2B` a plus. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    throw new FanoutError('InvalidItem', `The inventory has a key that is not URL-encoded: ${key}`, {
      expected: 'a URL-encoded key',
      met: key,
    });
  }
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

function textInAnyCase(fields: Fields, name: string): string | undefined {
  const found = Object.keys(fields).find((field) => field.trim().toLowerCase() === name);
  return found === undefined ? undefined : text(fields, found);
}

function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

function invalidItem(value: unknown): FanoutError {
  const given = JSON.stringify(value) ?? String(value);
  const met = given.length > 300 ? `${given.slice(0, 300)}…` : given;
  return new FanoutError(
    'InvalidItem',
    `An item is no key: expected a string or an object with a field "key", got ${met}`,
    {
      expected: 'a string or an object with a field "key"',
      met,
    },
  );
}
