// Writing a key's outputs so that nothing is overwritten by mistake: whose an object is decides what may happen to it.
import { FanoutError } from '../contract/errors.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { isFrom } from '../store/provenance.ts';
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
): Decision {
  if (head === undefined) return { expect: 'absent' };
  const theirs = head.provenance;
  const ofThisRun = theirs?.run === mine.run;
  if (theirs !== undefined && !isFrom(theirs, mine.source)) {
    if (ofThisRun || existing !== 'replace') throw collision(key, mine.source, theirs.source);
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
      throw new FanoutError('OutputExists', `${key} exists and was not written by image-fanout`, {
        expected: 'no object, or an output of this source',
        met: describe(head),
      });
    }
    if (theirs.fingerprint === mine.fingerprint) return { upToDate: true };
  }
  return { expect: { etag: head.etag } };
}

/** The error of two sources that meet at one output key. */
export function collision(key: string, source: string, other: string): FanoutError {
  return new FanoutError('OutputCollision', `${key} is the output of ${other} already`, {
    expected: `an output key of its own for ${source}`,
    met: `the output key of ${other}`,
  });
}

/** What was found at a key before the work began; looked at again only when a write finds something else. */
export interface Seen {
  readonly key: string;
  readonly head: ObjectHead | undefined;
}

export interface WritePlan {
  readonly mine: Provenance;
  readonly existing: PreparedJob['existing'];
  /** The place of the output that is written last, as the mark that all are there. */
  readonly last: number;
  readonly seen?: Seen | undefined;
  readonly signal: AbortSignal;
}

/**
 * Writes the outputs of one key: looks at all of them before it writes the first. Answers which were up to date, in order.
 * Two writers at one key cannot both win: the store writes only onto what was looked at.
 */
export async function writeOutputs(
  store: Store,
  outputs: readonly Output[],
  { mine, existing, last, seen, signal }: WritePlan,
): Promise<boolean[]> {
  const look = async ({ key }: Output) => decide(key, await store.head(key, { signal }), mine, existing);
  const decisions = await Promise.all(
    outputs.map((output) => (output.key === seen?.key ? decide(output.key, seen.head, mine, existing) : look(output))),
  );

  const put = async (place: number): Promise<boolean> => {
    const output = outputs[place] as Output;
    let decision = decisions[place] as Decision;
    for (let race = 0; race < MOST_RACES; race += 1) {
      if ('upToDate' in decision) return true;
      const options = { ...output.headers, provenance: mine, expect: decision.expect, signal };
      if ((await store.write(output.key, output.body, options)) !== undefined) return false;
      decision = await look(output);
    }
    throw new FanoutError('ServiceUnavailable', `${output.key} changed ${MOST_RACES} times while it was written`);
  };

  const places = [...outputs.keys()];
  const upToDate: boolean[] = [];
  const putAll = async (some: readonly number[]) => {
    await Promise.all(
      some.map(async (place) => {
        upToDate[place] = await put(place);
      }),
    );
  };
  await putAll(places.filter((place) => place !== last));
  await putAll(places.filter((place) => place === last));
  return upToDate;
}

function describe(head: ObjectHead): string {
  const by = head.provenance === undefined ? 'of unknown origin' : `made from ${head.provenance.source}`;
  return `an object of ${head.bytes} bytes ${by}`;
}
