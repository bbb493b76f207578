// Writing a key's outputs so that nothing is overwritten by mistake: whose an object is decides what may happen to it.
import { FanoutError } from '../contract/errors.ts';
import { together } from '../contract/together.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { isFrom, normalizeSource, STALE } from '../store/provenance.ts';
import type { ObjectHead, Provenance, Store, WriteOptions } from '../store/store.ts';

/** How often a write starts over because somebody else wrote the key in between. */
const MOST_RACES = 5;

/** One object to be written: full key, bytes and headers. */
export interface Output {
  readonly key: string;
  readonly body: Uint8Array;
  readonly headers: Pick<WriteOptions, 'contentType' | 'cacheControl' | 'storageClass' | 'tags' | 'metadata'>;
}

type Decision = { readonly upToDate: true } | { readonly expect: NonNullable<WriteOptions['expect']> };

/**
 * What may happen to an output key, given what is there. Throws OutputCollision when another source owns it, OutputExists
 * when it was not made by image-fanout or the job says `existing: "fail"`. `replace` overwrites what earlier runs or
 * others left, but never what this run wrote for another source.
 */
export function decide(
  key: string,
  head: ObjectHead | undefined,
  mine: Provenance,
  existing: PreparedJob['existing'],
  uris: readonly string[] = [mine.source],
): Decision {
  if (head === undefined) return { expect: 'absent' };
  const theirs = head.provenance;
  const ofThisRun = theirs?.run === mine.run;
  if (theirs !== undefined && !isFrom(theirs, uris)) {
    if (ofThisRun || existing !== 'replace')
      throw ofThisRun ? collision(key, mine.source, theirs.source) : strangers(key, mine.source, theirs.source);
  } else if (ofThisRun) {
    // A retry, a second delivery, or a resumed run: what this run wrote is not "existing".
    return theirs?.fingerprint === mine.fingerprint ? { upToDate: true } : { expect: { etag: head.etag } };
  } else if (existing === 'fail') {
    throw new FanoutError('OutputExists', `${key} exists already`, {
      expected: 'no object at the output key',
      met: describe(head),
    });
  } else if (existing === 'skip') {
    if (theirs === undefined) {
      const what =
        head.changed === true ? 'has changed since image-fanout made it' : 'exists and was not written by image-fanout';
      throw new FanoutError('OutputExists', `${key} ${what}`, {
        expected: 'no object, or an output of this source',
        met: describe(head),
      });
    }
    if (theirs.fingerprint === mine.fingerprint) return { upToDate: true };
  }
  return { expect: { etag: head.etag } };
}

/** The error of two runs that are at work on the same outputs with different recipes. */
function ofLiveRun(key: string, run: string, holder: string): FanoutError {
  return new FanoutError(
    'OutputCollision',
    `${key} was made by the run ${run}, which makes it otherwise and is still at work (${holder})`,
    { expected: 'an output key that no other live run writes', met: `an output of the live run ${run}` },
  );
}

/** The error of two sources that meet at one output key. */
export function collision(key: string, source: string, other: string, more = ''): FanoutError {
  return new FanoutError('OutputCollision', `${key} is the output of ${other} already${more}`, {
    expected: `an output key of its own for ${source}`,
    met: `the output key of ${other}`,
  });
}

/** The same, when the other source is not of this run: it may be this source, before it was moved or copied. */
function strangers(key: string, source: string, other: string): FanoutError {
  const old = oldPlace(normalizeSource(source), other);
  const more = `; if that is where the source was, say so with movedFrom (--moved-from ${old})`;
  return collision(key, source, other, old === undefined ? '' : more);
}

/** The place that the other source lies in, when both end alike. Undefined when their names differ. */
function oldPlace(source: string, other: string): string | undefined {
  const [mine, theirs] = [source.split('/'), other.split('/')];
  let same = 0;
  while (same < Math.min(mine.length, theirs.length) && mine.at(-1 - same) === theirs.at(-1 - same)) same += 1;
  if (same === 0 || same === theirs.length) return undefined;
  const place = `${theirs.slice(0, theirs.length - same).join('/')}/`;
  try {
    return decodeURIComponent(place);
  } catch {
    return place;
  }
}

/** What was found at a key before the work began; looked at again only when a write finds something else. */
export interface Seen {
  readonly key: string;
  readonly head: ObjectHead | undefined;
}

export interface WritePlan {
  readonly mine: Provenance;
  readonly existing: PreparedJob['existing'];
  /** What the source may be called in what earlier runs wrote. Default: as in `mine`. */
  readonly uris?: readonly string[] | undefined;
  /** Who works on an earlier run at this moment, in words; undefined when nobody does. */
  readonly liveRun?: ((run: string) => Promise<string | undefined>) | undefined;
  /** The place of the output that is written last, as the mark that all are there. */
  readonly last: number;
  readonly seen?: Seen | undefined;
  readonly signal: AbortSignal;
}

/**
 * Writes the outputs of one key, as `docs/reliability.md` has it: looks at all of them; makes the marks untrue that would
 * no longer be true; writes all but the last; writes the last, the mark that says all of them. Answers which were up to
 * date, in order. Throws the first failure once nothing of it is under way any more. Two writers at one key cannot both
 * win: the store writes only onto what was looked at.
 */
export async function writeOutputs(
  store: Store,
  outputs: readonly Output[],
  { mine, existing, uris, liveRun, last, seen, signal }: WritePlan,
): Promise<boolean[]> {
  const keys = outputs.map(({ key }) => key);
  const mark = keys[last] as string;
  const provenances = keys.map((_, place) => (place === last ? { ...mine, outputs: keys } : { ...mine, mark }));
  const heads = new Map<string, ObjectHead | undefined>(seen === undefined ? [] : [[seen.key, seen.head]]);

  async function look({ key }: Output): Promise<Decision> {
    const head = heads.has(key) ? heads.get(key) : await store.head(key, { signal });
    heads.set(key, head);
    const decision = decide(key, head, mine, existing, uris);
    const theirs = head?.provenance;
    if ('upToDate' in decision || theirs === undefined || theirs.run === mine.run) return decision;
    // Two recipes at work on the same keys would leave a mix of both, and each would be told that it succeeded.
    const holder = await liveRun?.(theirs.run);
    if (holder !== undefined) throw ofLiveRun(key, theirs.run, holder);
    return decision;
  }

  /** Of the works that are about to lose an output to another: whoever looks at such a mark must not believe it. */
  async function invalidateMarks(changing: readonly Output[]): Promise<void> {
    const marks = new Set<string>();
    for (const { key } of changing) {
      const theirs = heads.get(key)?.provenance;
      if (theirs !== undefined && theirs.fingerprint !== mine.fingerprint) marks.add(theirs.mark ?? key);
    }
    // A single file is replaced in one step: nothing can come in between.
    if (changing.length === 1) marks.delete(changing[0]?.key as string);
    await together([...marks], async (key) => {
      const head = heads.has(key) ? heads.get(key) : await store.head(key, { signal });
      const theirs = head?.provenance;
      if (head === undefined || theirs === undefined) return;
      if (theirs.fingerprint === mine.fingerprint || theirs.fingerprint === STALE) return;
      const etag = await invalidated(key, head);
      if (!heads.has(key)) return;
      heads.set(key, etag === undefined ? await store.head(key, { signal }) : { ...head, etag });
    });
  }

  async function invalidated(key: string, { etag }: ObjectHead): Promise<string | undefined> {
    try {
      return (await store.invalidate(key, { etag }, { signal }))?.etag;
    } catch (error) {
      const output = outputs.find((one) => one.key === key);
      // What is in an archive class cannot be copied, but it can be replaced.
      if (output === undefined || !(error instanceof FanoutError) || error.name !== 'SourceArchived') throw error;
      const provenance = { ...mine, fingerprint: STALE };
      return (await store.write(key, output.body, { ...output.headers, provenance, expect: { etag }, signal }))?.etag;
    }
  }

  async function put(place: number): Promise<boolean> {
    const output = outputs[place] as Output;
    for (let race = 0; race < MOST_RACES; race += 1) {
      const decision = await look(output);
      if ('upToDate' in decision) return true;
      if (race > 0) await invalidateMarks([output]);
      const provenance = provenances[place] as Provenance;
      const options = { ...output.headers, provenance, expect: decision.expect, signal };
      if ((await store.write(output.key, output.body, options)) !== undefined) return false;
      const before = heads.get(output.key);
      heads.delete(output.key);
      if (race === MOST_RACES - 1) throw refused(output.key, before, await store.head(output.key, { signal }));
    }
    return false;
  }

  const decisions = await together(outputs, look);
  await invalidateMarks(outputs.filter((_, place) => !('upToDate' in (decisions[place] as Decision))));
  const upToDate: boolean[] = [];
  const others = [...outputs.keys()].filter((place) => place !== last);
  await together(others, async (place) => {
    upToDate[place] = await put(place);
  });
  upToDate[last] = await put(last);
  return upToDate;
}

/** A write that found something else each time it was tried: somebody writes there all the time, or the store compares otherwise. */
function refused(key: string, before: ObjectHead | undefined, now: ObjectHead | undefined): FanoutError {
  const same = before?.etag === now?.etag;
  const expected = before === undefined ? 'nothing at the key (If-None-Match)' : `version ${before.etag} (If-Match)`;
  const met = now === undefined ? 'nothing' : `version ${now.etag}, ${describe(now)}`;
  return new FanoutError(
    'ServiceUnavailable',
    same
      ? `${key} was not written: the store refused ${MOST_RACES} times to write onto ${expected}, which is what a look finds there; does it know conditional writes?`
      : `${key} was not written: it changed ${MOST_RACES} times meanwhile, so another program writes it; expected ${expected}, met ${met}`,
    { expected, met },
  );
}

function describe(head: ObjectHead): string {
  if (head.changed === true) return `another file of ${head.bytes} bytes, changed by hand or by another program`;
  const by = head.provenance === undefined ? 'of unknown origin' : `made from ${head.provenance.source}`;
  return `an object of ${head.bytes} bytes ${by}`;
}
