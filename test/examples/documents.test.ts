// The example jobs and recipes: each is one that the program accepts.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJob } from '../../lambda/job/job.ts';
import { resolveRecipe } from '../../lambda/recipe/resolve.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

function documents(folder: string): [name: string, document: unknown][] {
  const names = globSync(`${folder}/*.json`, { cwd: EXAMPLES }).sort();
  return names.map((name) => [name, JSON.parse(readFileSync(join(EXAMPLES, name), 'utf8'))]);
}

describe('example documents', () => {
  it.each(documents('jobs'))('%s is a job', (_name, document) => {
    const job = parseJob(document);
    expect(job.source).toBeDefined();
    expect(job.destination).toBeDefined();
    expect(resolveRecipe(job.recipe).outputs.length).toBeGreaterThan(0);
  });

  it.each(documents('recipes'))('%s is a recipe', (_name, document) => {
    expect(resolveRecipe(document).outputs.length).toBeGreaterThan(0);
  });

  it('are there, and not just one', () => {
    expect(documents('jobs').length).toBeGreaterThanOrEqual(5);
    expect(documents('recipes').length).toBeGreaterThanOrEqual(5);
  });
});
