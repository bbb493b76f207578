// What came to a source and what went since a run listed it, in one sentence: a run that is carried on does what it listed.
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { findResultFiles } from '../../lambda/report/run-folder.ts';
import { formatCount } from '../../lambda/report/units.ts';
import { compareKeys } from '../../lambda/store/paths.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { openListingRecord } from '../local/listing-record.ts';

/**
 * Lists the source again, beside the record of its listing. Undefined when nothing came or went, when the listing had not
 * ended, and for a list in a file, which says itself what it is about. Throws what the stores throw, or the signal's reason.
 */
export async function sourceChanges(
  { reader, results }: PreparedJob,
  open: OpenStore,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (reader.kind !== 'LIST') return undefined;
  const store = open(results.bucket);
  const { attempts } = await findResultFiles(store, results);
  const prefix = results.prefix + (attempts[0]?.folder ?? '');
  const record = await openListingRecord(store, { bucket: results.bucket, prefix });
  if (!record.exists()) return undefined;
  const listed = keysIn(record.replay(), ({ value }) => (value as { readonly Key: string }).Key);
  const there = keysIn(open(reader.bucket).list(reader.prefix, { signal }), ({ key }) => key);
  let [came, went] = [0, 0];
  try {
    let [before, now] = [await listed.next(), await there.next()];
    while (before.done !== true || now.done !== true) {
      signal.throwIfAborted();
      const order = before.done === true ? 1 : now.done === true ? -1 : compareKeys(before.value, now.value);
      if (order > 0) came += 1;
      else if (order < 0) went += 1;
      if (order >= 0) now = await there.next();
      if (order <= 0) before = await listed.next();
    }
  } finally {
    await Promise.all([listed.return(undefined), there.return(undefined)]);
  }
  if (!record.state().ended || came + went === 0) return undefined;
  return `Since this run listed its source, ${formatCount(came)} ${came === 1 ? 'key' : 'keys'} came and ${formatCount(went)} went: what came is a new run's to do.`;
}

async function* keysIn<T>(
  pages: AsyncIterable<readonly T[]>,
  keyOf: (item: T) => string,
): AsyncGenerator<string, undefined> {
  for await (const page of pages) for (const item of page) yield keyOf(item);
  return undefined;
}
