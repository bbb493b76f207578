// Whose an object is decides what may happen to it.
import { describe, expect, test } from 'vitest';
import { decide } from '../../../lambda/process/outputs.ts';
import type { ObjectHead, Provenance } from '../../../lambda/store/store.ts';

const mine: Provenance = { source: 's3://in/a.jpg', fingerprint: 'f2', run: 'today' };
const head = (provenance?: Partial<Provenance>): ObjectHead => ({
  etag: 'e',
  bytes: 1,
  lastModified: 0,
  ...(provenance === undefined ? {} : { provenance: { ...mine, run: 'yesterday', ...provenance } }),
});

const overwrite = { expect: { etag: 'e' } };
const upToDate = { upToDate: true };

describe('decide', () => {
  test.each<[string, ObjectHead | undefined, object | string, object | string, object | string]>([
    // what is there, then what happens with existing: skip, replace, fail
    ['nothing', undefined, { expect: 'absent' }, { expect: 'absent' }, { expect: 'absent' }],
    ['ours, same work', head({}), upToDate, overwrite, 'OutputExists'],
    ['ours, other work', head({ fingerprint: 'f1' }), overwrite, overwrite, 'OutputExists'],
    ['ours, same work, by this run', head({ run: 'today' }), upToDate, upToDate, upToDate],
    ['ours, other work, by this run', head({ run: 'today', fingerprint: 'f1' }), overwrite, overwrite, overwrite],
    ["another source's", head({ source: 's3://in/b.jpg' }), 'OutputCollision', overwrite, 'OutputCollision'],
    [
      "another source's, by this run",
      head({ source: 's3://in/b.jpg', run: 'today' }),
      'OutputCollision',
      'OutputCollision',
      'OutputCollision',
    ],
    ['not made by image-fanout', head(), 'OutputExists', overwrite, 'OutputExists'],
  ])('%s', (_name, there, onSkip, onReplace, onFail) => {
    for (const [existing, expected] of Object.entries({ skip: onSkip, replace: onReplace, fail: onFail })) {
      const decided = () => decide('out.webp', there, mine, existing as 'skip');
      if (typeof expected === 'string') expect(decided, existing).toThrow(expect.objectContaining({ name: expected }));
      else expect(decided(), existing).toEqual(expected);
    }
  });
});
