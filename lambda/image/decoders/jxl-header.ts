// What stands at the beginning of a JPEG XL codestream: how long a tick of its animation is. ISO/IEC 18181-1, annexes A and D.

/** Ticks of an animation in a second; undefined for what is none, or cannot be read. */
export function ticksPerSecond(body: Buffer): number | undefined {
  const stream = codestreamOf(body);
  if (stream === undefined) return undefined;
  const bits = new Bits(stream, 16);
  size(bits);
  if (bits.read(1) === 1 || bits.read(1) === 0) return undefined;
  bits.read(3);
  if (bits.read(1) === 1) size(bits);
  if (bits.read(1) === 1) preview(bits);
  if (bits.read(1) === 0) return undefined;
  const over = bits.choice([100, 0], [1000, 0], [1, 10], [1, 30]);
  const under = bits.choice([1, 0], [1001, 0], [1, 8], [1, 10]);
  return over / under;
}

/** The first part of the codestream: bare, or in the box that holds it or its beginning. */
function codestreamOf(body: Buffer): Buffer | undefined {
  if (body[0] === 0xff && body[1] === 0x0a) return body;
  for (let at = 0; at + 16 <= body.length; ) {
    const size = body.readUInt32BE(at);
    const head = size === 1 ? 16 : 8;
    const length = size === 1 ? Number(body.readBigUInt64BE(at + 8)) : size === 0 ? body.length - at : size;
    const type = body.toString('latin1', at + 4, at + 8);
    if (type === 'jxlc') return body.subarray(at + head, at + length);
    // The number of the part stands before it.
    if (type === 'jxlp') return body.subarray(at + head + 4, at + length);
    if (length < head) return undefined;
    at += length;
  }
  return undefined;
}

function size(bits: Bits): void {
  const side = (small: boolean): number => (small ? bits.read(5) : bits.choice([1, 9], [1, 13], [1, 18], [1, 30]));
  const small = bits.read(1) === 1;
  side(small);
  if (bits.read(3) === 0) side(small);
}

function preview(bits: Bits): void {
  const eights = bits.read(1) === 1;
  const side = (): number =>
    eights ? bits.choice([16, 0], [32, 0], [1, 5], [33, 9]) : bits.choice([1, 6], [65, 8], [321, 10], [1345, 12]);
  side();
  if (bits.read(3) === 0) side();
}

/** Bits from the least of each byte on; beyond the end they are 0. */
class Bits {
  readonly #body: Buffer;
  #at: number;

  constructor(body: Buffer, at: number) {
    this.#body = body;
    this.#at = at;
  }

  read(count: number): number {
    let value = 0;
    for (let place = 0; place < count; place++, this.#at++) {
      value += (((this.#body[this.#at >> 3] ?? 0) >> (this.#at & 7)) & 1) * 2 ** place;
    }
    return value;
  }

  /** One of four: two bits say which, and it an offset and how many bits to add. */
  choice(...choices: readonly (readonly [offset: number, bits: number])[]): number {
    const [offset, count] = choices[this.read(2)] ?? [0, 0];
    return offset + this.read(count);
  }
}
