// The fingerprint of a piece of work: equal fingerprints mean that the output is up to date.
import { hash } from 'node:crypto';

/** All that decides the bytes of a key's outputs. */
export interface Work {
  readonly etag: string;
  readonly recipe: unknown;
  /** The encoders' versions: other versions may write other bytes. */
  readonly encoder: string;
  /** ETags of further inputs, such as watermarks. */
  readonly inputs: readonly string[];
}

/** SHA-256 over the canonical JSON of the work, as 32 hex digits. */
export function fingerprint({ etag, ...shared }: Work): string {
  return fingerprinter(shared)(etag);
}

/** Makes the fingerprint of one ETag after the other: what all keys of a job share is put into canonical JSON once. */
export function fingerprinter({ recipe, encoder, inputs }: Omit<Work, 'etag'>): (etag: string) => string {
  const before = `{"encoder":${canonicalJson(encoder)},"etag":`;
  const after = `,"inputs":${canonicalJson(inputs)},"recipe":${canonicalJson(recipe)}}`;
  return (etag) => hash('sha256', before + JSON.stringify(etag) + after).slice(0, 32);
}

/** JSON with object keys in order, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
