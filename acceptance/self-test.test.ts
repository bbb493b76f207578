// `start --self-test` on a deployed stack: all is proven, and nothing is left of it.
import { expect, inject, it } from 'vitest';
import { imageFanout } from './local-run.ts';
import { destination, keys, results, source } from './stack.ts';

const everything = async (): Promise<string[]> => (await Promise.all([source, destination, results].map(keys))).flat();

it('proves the deployment, and leaves nothing behind', async () => {
  const before = await everything();
  const { code, output, errors } = await imageFanout('start', '--self-test', '--stack', inject('stackName'));
  expect(code, output + errors).toBe(0);
  expect(output).toMatch(/^ok {4}a redrive: the mended image and the rest are done; told as \S+$/m);
  expect(output.match(/^ok /gm)).toHaveLength(10);
  expect(output).toContain('The deployment works.');
  expect(await everything()).toEqual(before);
});
