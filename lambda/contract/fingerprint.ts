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

/** What a fingerprint tells of, part by part, and how many of its characters each takes: 6 bits a character. */
const PARTS = [
  ['source', 12],
  ['recipe', 10],
  ['renderer', 10],
] as const;

/** A part of a work: the source's version; the recipe and its watermarks; our renderer and the encoders. */
export type WorkPart = (typeof PARTS)[number][0];

/** 32 characters: the begin of a SHA-256 over the canonical JSON of each part, so that it can be told which one changed. */
export function fingerprint({ etag, ...shared }: Work): string {
  return fingerprinter(shared)(etag);
}

/** Makes the fingerprint of one ETag after the other: what all keys of a job share is digested once. */
export function fingerprinter({ recipe, encoder, inputs }: Omit<Work, 'etag'>): (etag: string) => string {
  const [[, ofSource], [, ofRecipe], [, ofRenderer]] = PARTS;
  const after = digest(canonicalJson({ inputs, recipe }), ofRecipe) + digest(encoder, ofRenderer);
  return (etag) => digest(etag, ofSource) + after;
}

function digest(text: string, characters: number): string {
  return hash('sha256', text, 'base64url').slice(0, characters);
}

/** The parts in which two fingerprints differ; undefined where one is none of ours, as of a mark that was made untrue. */
export function changedParts(one: string, other: string): readonly WorkPart[] | undefined {
  const length = PARTS.reduce((sum, [, characters]) => sum + characters, 0);
  if (one.length !== length || other.length !== length) return undefined;
  let from = 0;
  return PARTS.flatMap(([part, characters]) => {
    const start = from;
    from += characters;
    return one.slice(start, from) === other.slice(start, from) ? [] : [part];
  });
}

/** JSON with object keys in order, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
