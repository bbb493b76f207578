// A prepared job for what reads one, not runs it: an account and its bench.
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { directoryLocation } from '../../lambda/contract/location.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';

/** The job of a run that lies in `folder`, a prefix below the directory `root`; its id is the folder's name. */
export function preparedJob(root: string, folder: string, more: Partial<PreparedJob> = {}): PreparedJob {
  return {
    version: 1,
    run: folder.split('/').at(-2) ?? '',
    source: { bucket: 'photos', prefix: '' },
    destination: directoryLocation(root),
    results: { ...directoryLocation(root), prefix: folder },
    reader: { kind: 'LIST', bucket: 'photos', prefix: '' },
    recipe: { outputs: [] } as unknown as PreparedJob['recipe'],
    existing: 'skip',
    include: ['**'],
    exclude: [],
    limits: limitsSchema.parse({}),
    maxConcurrency: 4,
    toleratedFailureCount: 0,
    toleratedFailurePercentage: 100,
    itemsPerInvocation: 1,
    ...more,
  };
}
