// A plan as an execution of the deployed stack: the image function makes it, nothing is written, and the run then keeps to it.
import { beforeAll, describe, expect, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import type { PlanAnswer } from '../lambda/plan/execution.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import { destination, ended, folder, keys, putFile, source, start } from './stack.ts';

describe('{"plan": true}', () => {
  const from = folder(source, 'planned');
  const to = folder(destination, 'planned');
  const job = { source: formatLocation(from), destination: formatLocation(to), recipe: 'thumbnail', maxConcurrency: 4 };
  beforeAll(async () => {
    for (const image of TWENTY) await putFile(from, image, file(image));
    await putFile(from, BROKEN, file(BROKEN));
  });

  it('tells what the run of the same job then does', async () => {
    const planned = await ended(await start({ ...job, plan: true }));
    expect(planned, planned.cause).toMatchObject({ status: 'SUCCEEDED' });
    const { plan } = JSON.parse(planned.output ?? '') as PlanAnswer;
    expect(plan).toMatchObject({
      listing: { keys: 21, complete: true },
      sample: { tried: 21 },
      tolerance: { stops: 'surely' },
    });
    expect(await keys(to)).toEqual([]);

    const run = await ended(await start({ ...job, toleratedFailureCount: 1 }));
    expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
    const { counts } = JSON.parse(run.output ?? '') as { readonly counts: Record<string, number> };
    expect(plan.keys.failed).toEqual({ value: counts['failed'], low: counts['failed'], high: counts['failed'] });
    expect(plan.keys.made.value).toBe(counts['succeeded']);
    expect(await keys(to)).toHaveLength(plan.keys.made.value);
    const again = await ended(await start({ ...job, plan: true }));
    expect((JSON.parse(again.output ?? '') as PlanAnswer).plan.keys.upToDate.value).toBe(plan.keys.made.value);
  });
});
