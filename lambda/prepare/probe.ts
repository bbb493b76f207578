// Whether a run can keep its promises where it writes: asked of the server before the first image, with a file of the run's own.
import { isDirectory, type Location } from '../contract/location.ts';
import type { OpenStore } from '../store/store.ts';

/** The file that is written to find out. It stays in the run's folder. */
export const PROBE_FILE = 'probe.json';

/** No object has it. */
const OTHER_ETAG = '0'.repeat(32);

export interface ProbedPlaces {
  readonly destination: Location;
  /** The run's folder. */
  readonly results: Location;
}

/**
 * Problems of the places that a run writes to, for `invalidJob`. Over S3 it is looked whether the server keeps conditional
 * writes (`If-None-Match`, `If-Match`), without which two runs at the same keys silently lose each other's outputs: some
 * servers answer 200 and overwrite. Also whether what the account needs may be done: writing, and telling a key that is
 * not there from one that may not be read. Throws AccessDenied and the like.
 */
export async function probeProblems(
  { destination, results }: ProbedPlaces,
  open: OpenStore,
  unsafeOverwrites: boolean,
): Promise<readonly string[]> {
  const place = isDirectory(results) ? destination : results;
  if (isDirectory(place)) return [];
  const own = isDirectory(results) ? '.image-fanout/' : '';
  const store = open(place.bucket);
  const key = `${place.prefix}${own}${PROBE_FILE}`;
  const write = (text: string, expect?: 'absent' | { readonly etag: string }) =>
    store.write(key, Buffer.from(`${JSON.stringify({ probe: text })}\n`), {
      contentType: 'application/json',
      ...(expect === undefined ? {} : { expect }),
    });
  await write('first');
  await store.head(`${key}.absent`);
  if (unsafeOverwrites) return [];
  // Each with a text of its own: a second try that meets what the first has written is no broken promise.
  const ignored = [
    ...((await write('If-None-Match', 'absent')) === undefined ? [] : ['If-None-Match']),
    ...((await write('If-Match', { etag: OTHER_ETAG })) === undefined ? [] : ['If-Match']),
  ];
  if (ignored.length === 0) return [];
  const where = `s3://${place.bucket}/`;
  return [
    `destination: expected an S3 server that keeps conditional writes, but the one of ${where} ignores ${ignored.join(' and ')} and overwrites: two runs at the same keys would lose outputs in silence (unsafeOverwrites: true, or --unsafe-overwrites, if no two ever do)`,
  ];
}
