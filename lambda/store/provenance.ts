// Provenance in the form that every store keeps and answers: ASCII, short, and comparable as text.
import { createHash } from 'node:crypto';
import type { Provenance } from './store.ts';

/** S3 takes 2 KB of user metadata in all; this leaves half of it to the user's own. */
const MOST_SOURCE_CHARACTERS = 1000;

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

/** Whether an output came from the source with this URI. */
export function isFrom(provenance: Provenance, uri: string): boolean {
  return provenance.source === normalizeSource(uri);
}

/** Provenance as S3 user metadata (`x-amz-meta-image-fanout-…`). */
export function provenanceMetadata(provenance: Provenance): Record<string, string> {
  return {
    'image-fanout-source': normalizeSource(provenance.source),
    'image-fanout-fingerprint': provenance.fingerprint,
    'image-fanout-run': provenance.run,
  };
}

/** Provenance from S3 user metadata; undefined when image-fanout did not write the object. */
export function provenanceOf(metadata: Readonly<Record<string, string>> | undefined): Provenance | undefined {
  const source = metadata?.['image-fanout-source'];
  const fingerprint = metadata?.['image-fanout-fingerprint'];
  const run = metadata?.['image-fanout-run'];
  if (source === undefined || fingerprint === undefined || run === undefined) return undefined;
  return { source, fingerprint, run };
}
