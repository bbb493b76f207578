// Which accounts are made in parts: those of more result files than one function reads in its time.
import type { Location } from '../../contract/location.ts';
import type { Store } from '../../store/store.ts';
import { findResultFiles } from '../run-folder.ts';

/** What stands in the place of an error where an account is being made in parts. */
export const IN_PARTS = 'AccountInParts';

/** Whether a run's result files are more than so many bytes. */
export async function isTooLarge(store: Store, folder: Location, wholeBytes: number): Promise<boolean> {
  if (wholeBytes === Number.POSITIVE_INFINITY) return false;
  const { attempts } = await findResultFiles(store, folder);
  let bytes = 0;
  for (const { files } of attempts) for (const file of files) bytes += file.bytes;
  return bytes > wholeBytes;
}
