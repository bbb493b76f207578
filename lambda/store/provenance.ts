// Provenance in the form that every store keeps and answers: ASCII, short, and comparable as text.
import { createHash } from 'node:crypto';
import type { Provenance } from './store.ts';

/** The fingerprint of an output that marks no work as done any more: no digest is like it. */
export const STALE = 'stale';

/** S3 takes 2 KB of user metadata in all: what of it our provenance may take is `OWN_METADATA_BYTES`. */
const MOST_SOURCE_CHARACTERS = 1000;
const MOST_MARK_CHARACTERS = 100;
const MOST_OUTPUTS_CHARACTERS = 240;

/**
 * The normal form of a source's URI (see `objectUri`), which `head` answers in `provenance.source`: whatever is not
 * visible ASCII is percent-encoded (and `%` itself, so that no two sources become one), and what is longer than 1,000
 * characters is replaced by its digest. `write` normalises; whoever compares calls this, or `isFrom`.
 */
export function normalizeSource(uri: string): string {
  const encoded = uri.replace(/[^\x21-\x24\x26-\x7e]/gu, percentEncoded);
  if (encoded.length <= MOST_SOURCE_CHARACTERS) return encoded;
  return `sha256:${createHash('sha256').update(uri).digest('hex')}`;
}

function percentEncoded(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/** Whether an output came from the source with this URI, or with one of these. */
export function isFrom(provenance: Provenance, uri: string | readonly string[]): boolean {
  if (typeof uri === 'string') return provenance.source === normalizeSource(uri);
  return uri.some((one) => provenance.source === normalizeSource(one));
}

const NAMES = {
  source: 'image-fanout-source',
  fingerprint: 'image-fanout-fingerprint',
  run: 'image-fanout-run',
  mark: 'image-fanout-mark',
  outputs: 'image-fanout-outputs',
} as const;

/** The most bytes of S3's 2 KB of user metadata that our own takes, names included; run ids have at most 80 characters. */
export const OWN_METADATA_BYTES =
  Object.values(NAMES).join('').length +
  MOST_SOURCE_CHARACTERS +
  '0'.repeat(32).length +
  80 +
  MOST_MARK_CHARACTERS +
  MOST_OUTPUTS_CHARACTERS;

/** Whether the object at `key` can keep where its mark is. */
export function canPointTo(mark: string, key: string): boolean {
  return pointer(mark, key).length <= MOST_MARK_CHARACTERS;
}

/** Provenance as S3 user metadata (`x-amz-meta-image-fanout-…`) of the object at `key`. */
export function provenanceMetadata(provenance: Provenance, key: string): Record<string, string> {
  const mark = provenance.mark === undefined ? undefined : pointer(provenance.mark, key);
  const outputs = provenance.outputs?.map((output) => pointer(output, key)).join(' ');
  return {
    [NAMES.source]: normalizeSource(provenance.source),
    [NAMES.fingerprint]: provenance.fingerprint,
    [NAMES.run]: provenance.run,
    ...(mark === undefined || mark.length > MOST_MARK_CHARACTERS ? {} : { [NAMES.mark]: mark }),
    ...(outputs === undefined || outputs.length > MOST_OUTPUTS_CHARACTERS ? {} : { [NAMES.outputs]: outputs }),
  };
}

/** Provenance from the S3 user metadata of the object at `key`; undefined when image-fanout did not write the object. */
export function provenanceOf(
  metadata: Readonly<Record<string, string>> | undefined,
  key: string,
): Provenance | undefined {
  const source = metadata?.[NAMES.source];
  const fingerprint = metadata?.[NAMES.fingerprint];
  const run = metadata?.[NAMES.run];
  if (source === undefined || fingerprint === undefined || run === undefined) return undefined;
  const mark = pointedTo(metadata?.[NAMES.mark], key);
  const outputs = metadata?.[NAMES.outputs]?.split(' ').map((text) => pointedTo(text, key));
  return {
    ...{ source, fingerprint, run },
    ...(mark === undefined ? {} : { mark }),
    ...(outputs === undefined || !outputs.every((output) => output !== undefined) ? {} : { outputs }),
  };
}

/** A key as seen from another, which often begins alike: how many characters of it, a colon, and the rest of the key. */
function pointer(key: string, from: string): string {
  let common = 0;
  while (common < key.length && common < from.length && key[common] === from[common]) common += 1;
  // Not within a surrogate pair: its second half alone cannot be encoded.
  if (/^[\udc00-\udfff]/.test(key.slice(common))) common -= 1;
  return `${common}:${encodeURIComponent(key.slice(common))}`;
}

function pointedTo(text: string | undefined, from: string): string | undefined {
  const [, common, rest] = /^(\d+):(.*)$/.exec(text ?? '') ?? [];
  if (common === undefined || rest === undefined) return undefined;
  try {
    return from.slice(0, Number(common)) + decodeURIComponent(rest);
  } catch {
    return undefined;
  }
}
