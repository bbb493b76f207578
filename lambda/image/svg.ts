// SVG as browsers read it, where librsvg or libvips differ: a size where none is said, and long comments before the root.
import { gunzipSync } from 'node:zlib';

/** What a replaced element without a size is, in CSS pixels. https://www.w3.org/TR/CSS22/visudet.html#inline-replaced-width */
const [WIDTH, HEIGHT] = [300, 150];
/** libvips looks for the root in the first thousand bytes. */
const SNIFFED_BYTES = 900;
const GZIP = Buffer.from([0x1f, 0x8b]);
const MOST_BYTES = 64 * 1024 * 1024;

/** Before the root: a byte order mark, white space, declarations, comments, a document type. */
const PROLOG = /^\uFEFF?(?:\s+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!DOCTYPE(?:[^[>]|\[[\s\S]*?\])*>)*/i;
const ROOT = /^<(?:[a-z]+:)?svg(?=[\s>/])(?:[^>"']|"[^"]*"|'[^']*')*>/i;

/** Whether a text begins as SVG does, however much stands before its root. */
export function beginsAsSvg(text: string): boolean {
  const prolog = PROLOG.exec(text)?.[0] ?? '';
  return /^<(?:[a-z]+:)?svg[\s>/]/i.test(text.slice(prolog.length, prolog.length + 40));
}

/** The document as it is to be opened: the same bytes unless something must be said in it. */
export function readableSvg(body: Buffer): Buffer {
  let text: string;
  try {
    text = (body.subarray(0, 2).equals(GZIP) ? gunzipSync(body, { maxOutputLength: MOST_BYTES }) : body).toString(
      'utf8',
    );
  } catch {
    // Damaged, which is the decoder's to say.
    return body;
  }
  const prolog = PROLOG.exec(text)?.[0] ?? '';
  const root = ROOT.exec(text.slice(prolog.length))?.[0];
  if (root === undefined) return body;
  const sized = /\s(?:width|height|viewBox)\s*=/i.test(root)
    ? root
    : root.replace(/^<[^\s>/]+/, (name) => `${name} width="${WIDTH}" height="${HEIGHT}"`);
  const long = Buffer.byteLength(prolog) > SNIFFED_BYTES;
  if (sized === root && !long) return body;
  const short = long ? prolog.replace(/<!--[\s\S]*?-->/g, '').trimStart() : prolog;
  return Buffer.from(short + sized + text.slice(prolog.length + root.length));
}
