// Which keys of a source are meant: what we write ourselves below it never is.
import { expect, it } from 'vitest';
import { ANY_GLOB } from '../../../lambda/job/image-glob.ts';
import { createSelection } from '../../../lambda/job/selection.ts';

it('what image-fanout writes below a source is none of its images, however wide the globs are', () => {
  const { reasonAgainst } = createSelection([ANY_GLOB], []);
  expect(reasonAgainst('.image-fanout/self-test/now/good/0.png')).toBe('excluded');
  expect(reasonAgainst('photos/.image-fanout/0.png')).toBeUndefined();
  expect(reasonAgainst('image-fanout/0.png')).toBeUndefined();
});
