// The service's CSV is not plain RFC 4180: a backslash escapes a backslash, a quote and the delimiter, and vanishes before all else.

import { Transform, type TransformCallback } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A noncharacter, which no text should hold, begins what stands for an escaped character until the rows are parsed. */
const MARK = '\ufdd3';

/**
 * Hides escaped characters from a parser of RFC 4180; `restored` puts them back into its cells.
 * https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html
 */
export class Backslashes extends Transform {
  /** Whether there was anything to hide. */
  met = false;
  readonly #decoder = new StringDecoder('utf8');
  readonly #hidden: Readonly<Record<string, string>>;
  readonly #shown: Readonly<Record<string, string>>;
  /** A backslash that ended a chunk. */
  #rest = '';

  constructor(delimiter: string) {
    super();
    this.#hidden = { '\\': 'b', '"': 'q', [delimiter]: 'd' };
    this.#shown = { b: '\\', q: '"', d: delimiter, m: MARK };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, this.#hide(this.#decoder.write(chunk), false));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#hide(this.#decoder.end(), true));
  }

  #hide(piece: string, last: boolean): string {
    const text = this.#rest + piece;
    this.#rest = '';
    if (!text.includes('\\') && !text.includes(MARK)) return text;
    this.met = true;
    return text.replaceAll(/\\([\s\S]?)|\ufdd3/g, (found, escaped: string | undefined) => {
      if (found === MARK) return `${MARK}m`;
      if (escaped === undefined || escaped === '') {
        if (!last) this.#rest = '\\';
        return '';
      }
      const letter = this.#hidden[escaped];
      return letter === undefined ? escaped : MARK + letter;
    });
  }

  restored(cell: string): string {
    return cell.replaceAll(/\ufdd3([bqdm])/g, (_, letter: string) => this.#shown[letter] ?? '');
  }
}
