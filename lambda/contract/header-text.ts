// Text in HTTP headers, which hold ASCII only: anything else in the form that S3 reads and writes.

/** RFC 2047's longest encoded word. */
const MOST_WORD = 75;
const WORD_START = '=?UTF-8?B?';
const WORD_END = '?=';

/**
 * A text as a header holds it: ASCII as it is, anything else in encoded words (RFC 2047), which S3 decodes before it stores
 * and encodes again when it answers. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
export function headerText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes('=?')) return text;
  const most = Math.floor((MOST_WORD - WORD_START.length - WORD_END.length) / 4) * 3;
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > most) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((part) => WORD_START + Buffer.from(part).toString('base64') + WORD_END).join(' ');
}
