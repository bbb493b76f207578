// From sharp's error texts to our classes: what was met, without paths and without libvips' repetitions.
import { type ErrorName, FanoutError } from '../contract/errors.ts';
import type { SourceFormat } from './sniff.ts';
import { endsEarly } from './sniff.ts';

/** First match wins. */
const TEXTS: readonly (readonly [RegExp, ErrorName])[] = [
  [/timeout: \d+%|timed? ?out/i, 'ImageTimeout'],
  [/exceeds pixel limit|too many pixels|exceeds.*pixel limit|will exceed/i, 'TooManyPixels'],
  [
    /Processed image is too large|maximum .*dimension|too large for the|exceeds.*dimension|frame dimensions|bad image dimensions/i,
    'OutputTooLarge',
  ],
  [
    /extract_area: bad|bad extract area|must have same dimensions or smaller|not supported for multi-page|Unable to trim|Image to trim must be|rank: window too large|multi-page images/i,
    'RecipeMismatch',
  ],
  [
    /has not been built in|not configured|unsupported image format|Unsupported (?:codec|feature|compression|colorspace)|no known loader|class ".*" not found|operation is blocked|Expected (?:bitdepth|one of).*heif/i,
    'UnsupportedImage',
  ],
  [/premature end of (?:JPEG|data in|input)|unexpected end|truncated|not enough data/i, 'TruncatedImage'],
];

/** What is wrong with an image, when sharp says no. Anything else that is thrown stays as it is. */
export function imageFailure(thrown: unknown, format: SourceFormat, body: Buffer): unknown {
  if (thrown instanceof FanoutError || !(thrown instanceof Error)) return thrown;
  const text = thrown.message;
  const known = TEXTS.find(([pattern]) => pattern.test(text))?.[1];
  // Everything else that decoding says is about damage; whether the file is cut or broken shows in the file itself.
  const name = known ?? (endsEarly(format, body) ? 'TruncatedImage' : 'CorruptImage');
  return new FanoutError(name, `${SENTENCES[name] ?? 'the image cannot be processed'}: ${oneLine(text)}`, {
    expected: EXPECTED[name] ?? 'an image that this recipe can be applied to',
    met: oneLine(text),
    cause: thrown,
  });
}

const SENTENCES: { readonly [Name in ErrorName]?: string } = {
  ImageTimeout: 'the image took too long',
  TooManyPixels: 'the image has too many pixels',
  OutputTooLarge: 'the output is too large for its format',
  RecipeMismatch: 'the recipe does not fit this image',
  UnsupportedImage: 'this build of sharp cannot read or write it',
  TruncatedImage: 'the file ends too early',
  CorruptImage: 'the file is damaged',
};

const EXPECTED: { readonly [Name in ErrorName]?: string } = {
  ImageTimeout: 'an image that is done within limits.milliseconds',
  UnsupportedImage: 'a format, compression and depth that this build of sharp knows',
  TruncatedImage: 'a complete file',
  CorruptImage: 'a file without damage',
  OutputTooLarge: 'an output within the limits of its format',
};

/** libvips' text in one line: no paths, no repeated lines, at most 300 characters. */
export function oneLine(text: string): string {
  const lines = text
    .replace(/(?:file:\/\/)?\/[^\s:'"]+\//g, '')
    .split('\n')
    .map((line) => line.trim().replace(/:$/, ''));
  const told = [...new Set(lines.filter((line) => line !== '' && !/bad seek to \d+$/.test(line)))].join('; ');
  return told.length > 300 ? `${told.slice(0, 300)}…` : told;
}
