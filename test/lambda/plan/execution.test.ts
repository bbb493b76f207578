// `{"plan": true}` as an execution: the deployed definition leads to the plan and to nothing else, on the embedded engine, too.
import { afterEach, describe, expect, it } from 'vitest';
import { createTransform } from '../../../lambda/image/transform.ts';
import type { PlanEvent, PrepareEvent } from '../../../lambda/job/prepared.ts';
import { type PlanAnswer, planRun } from '../../../lambda/plan/execution.ts';
import { createPrepare } from '../../../lambda/prepare/prepare.ts';
import { type ExecutionResult, startExecution } from '../../../lib/local/execution.ts';
import type { Json } from '../../../lib/states-language.ts';
import { workflow } from '../../../lib/workflow.ts';
import { tinyImage } from '../../end-to-end/job-run.ts';
import { makePlaces, type Places } from '../../helpers/places.ts';

const arn = (name: string) => `arn:aws:lambda:local:000000000000:function:${name}`;
const functions = {
  prepare: arn('prepare'),
  process: arn('process'),
  processLarge: arn('large'),
  summarize: arn('end'),
};
const transform = createTransform();

let places: Places;
afterEach(() => places.close());

async function execute(input: Json, milliseconds?: number): Promise<ExecutionResult & { readonly plans: number }> {
  const { source, destination, open } = places;
  let plans = 0;
  const refuse = async () => {
    throw new Error('expected nothing but a plan');
  };
  const { result } = startExecution({
    definition: workflow({ functions }),
    input,
    name: 'plan-1',
    openStore: open,
    retryMilliseconds: 0,
    handlers: {
      [functions.prepare]: async (event) =>
        await createPrepare({ open, defaults: { source, destination, maxConcurrency: 50 } })(event as PrepareEvent),
      [functions.process]: async (event) => {
        plans++;
        const options = { open, transform, onAws: true, ...(milliseconds === undefined ? {} : { milliseconds }) };
        return JSON.parse(JSON.stringify(await planRun((event as PlanEvent).plan, options))) as Json;
      },
      [functions.processLarge]: refuse,
      [functions.summarize]: refuse,
    },
  });
  return { ...(await result), plans };
}

describe('an execution with {"plan": true}', () => {
  it('answers the plan, and writes nothing but the prepared job', async () => {
    places = await makePlaces('S3');
    for (let at = 0; at < 12; at++) await places.put(`${at}.jpg`, at === 3 ? 'broken' : await tinyImage('jpeg', at));
    const ended = await execute({ plan: true, recipe: 'thumbnail', toleratedFailureCount: 5 });
    expect(ended, ended.cause).toMatchObject({ status: 'SUCCEEDED', plans: 1 });
    expect(ended.mapRun).toBeUndefined();
    const answer = ended.output as unknown as PlanAnswer;
    expect(answer).toMatchObject({ run: 'plan-1', status: 'succeeded', executionStatus: 'SUCCEEDED' });
    expect(answer.plan).toMatchObject({
      listing: { keys: 12, complete: true },
      sample: { tried: 12 },
      keys: { made: { value: 11 }, failed: { value: 1 } },
      failures: [{ error: 'NotAnImage', examples: [{ key: 'in/3.jpg' }] }],
      tolerance: { stops: 'no' },
      aws: { settings: { maxConcurrency: 50 } },
    });
    expect(answer.plan.notEstimated.some(({ what }) => what.includes("Lambda's processors"))).toBe(false);
    expect(await places.outputs()).toEqual(new Map());
    const { destination, open } = places;
    const own: string[] = [];
    for await (const page of open(destination.bucket).list(`${destination.prefix}.image-fanout/`)) {
      own.push(...page.map(({ key }) => key));
    }
    expect(own).toEqual([`${destination.prefix}.image-fanout/runs/plan-1/job.json`]);
  });

  it('is of keys and of plain lists, too, and tells what it had no time for', async () => {
    places = await makePlaces('S3');
    for (let at = 0; at < 3; at++) await places.put(`${at}.jpg`, await tinyImage('jpeg', at));
    await places.put('list.txt', 'in/0.jpg\nin/1.jpg\nin/gone.jpg\n');
    const keys = await execute({ plan: true, keys: ['in/0.jpg', 'in/2.jpg'] });
    expect((keys.output as unknown as PlanAnswer).plan.listing.keys).toBe(2);
    const list = await execute({ plan: true, manifest: 's3://photos/in/list.txt' });
    expect((list.output as unknown as PlanAnswer).plan).toMatchObject({
      listing: { keys: 3 },
      failures: [{ error: 'SourceNotFound' }],
    });
    const hurried = await execute({ plan: true }, 0);
    expect((hurried.output as unknown as PlanAnswer).plan.notEstimated.length).toBeGreaterThan(1);
  });

  it('refuses what the image function cannot go through, and what is neither true nor false', async () => {
    places = await makePlaces('S3');
    await places.put('list.csv', 'key\nin/0.jpg\n');
    const csv = await execute({ plan: true, manifest: 's3://photos/in/list.csv' });
    expect(csv).toMatchObject({ status: 'FAILED', error: 'InvalidJob', plans: 0 });
    expect(csv.cause).toContain('plan: expected a listing, keys, JSONL or plain text, got CSV');
    const odd = await execute({ plan: 'yes' });
    expect(odd.cause).toContain('plan: expected true or false, got \\"yes\\"');
  });

  it('answers within what a state may say, however long keys and messages are', async () => {
    places = await makePlaces('S3');
    const long = 'k'.repeat(200);
    for (let at = 0; at < 40; at++)
      await places.put(`${long}/${long}/${long}/${at % 20}.${at < 20 ? 'jpg' : 'png'}`, 'x');
    const { output } = await execute({ plan: true });
    expect(Buffer.byteLength(JSON.stringify(output))).toBeLessThan(256 * 1024);
  });
});
