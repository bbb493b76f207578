// The default include: what an installation can read, by the packages that it has.
import { expect, it } from 'vitest';
import { OPTIONAL_FORMATS } from '../../../lambda/contract/formats.ts';
import { IMAGE_GLOB, imageGlob, installedFormats, isImageGlob } from '../../../lambda/job/image-glob.ts';
import { createSelection } from '../../../lambda/job/selection.ts';

it('names the extensions of packages that are there, and of no other', () => {
  expect(imageGlob(['heic', 'jxl', 'jp2'])).toBe(IMAGE_GLOB);
  const without = createSelection([imageGlob(['jxl'])], []);
  expect(without.reasonAgainst('a/IMG_1.HEIC')).toBe('notIncluded');
  expect(without.reasonAgainst('a/b.jp2')).toBe('notIncluded');
  for (const key of ['a/b.JXL', 'IMG.JPG', 'x.psd', 'y.CR2']) expect(without.reasonAgainst(key)).toBeUndefined();
  expect(isImageGlob(imageGlob([]))).toBe(true);
  expect(isImageGlob('**/*.jpg')).toBe(false);
});

it('is told by what can be resolved', () => {
  const onlyJxl = (name: string): string => {
    if (name !== OPTIONAL_FORMATS.jxl.entry) throw Object.assign(new Error(name), { code: 'MODULE_NOT_FOUND' });
    return name;
  };
  expect(installedFormats(onlyJxl as NodeJS.RequireResolve)).toEqual(['jxl']);
  // In this repository all are installed.
  expect(installedFormats()).toEqual(['heic', 'jxl', 'jp2', 'pdf']);
});
