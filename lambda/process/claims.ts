// Output keys that are being worked on in this process, so that two sources cannot pass each other unseen.
import { objectUri } from '../contract/location.ts';
import { collision } from './outputs.ts';

/**
 * Holds the keys for a source while it works on them. Throws OutputCollision when another source holds one. A source may
 * hold a key twice.
 */
export async function claiming<T>(
  claims: Map<string, string>,
  bucket: string,
  keys: readonly string[],
  source: string,
  work: () => Promise<T>,
): Promise<T> {
  const mine: string[] = [];
  try {
    for (const key of keys) {
      const uri = objectUri(bucket, key);
      const owner = claims.get(uri);
      if (owner === source) continue;
      if (owner !== undefined) throw collision(key, source, owner);
      claims.set(uri, source);
      mine.push(uri);
    }
    return await work();
  } finally {
    for (const uri of mine) claims.delete(uri);
  }
}
