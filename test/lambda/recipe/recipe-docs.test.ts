// The documentation of recipes is made from the schemas, whole and not stale.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENCODERS } from '../../../lambda/recipe/encoders.ts';
import { FORMAT_NAMES, OPERATION_ORDER } from '../../../lambda/recipe/names.ts';
import { assertComplete, document, withRecipesTable } from '../../../scripts/recipes-table.ts';

const read = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');

describe('docs/recipes.md', () => {
  it('is what the schemas say today', () => {
    expect(read('docs/recipes.md')).toBe(document);
  });

  it.for([...OPERATION_ORDER, ...FORMAT_NAMES, ...FORMAT_NAMES.flatMap((name) => Object.keys(ENCODERS[name].shape))])(
    'is not made without %s',
    (name) => {
      expect(() => assertComplete(document.replaceAll(`\`${name}\``, ''))).toThrow(name);
    },
  );
});

describe('README.md', () => {
  it('has the table of operations and formats as it is today', () => {
    const readme = read('README.md');
    expect(withRecipesTable(readme)).toBe(readme);
  });

  it('is not written without its markers', () => {
    expect(() => withRecipesTable('# image-fanout')).toThrow('recipes:start');
  });
});
