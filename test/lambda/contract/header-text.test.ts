// Text in headers: a reader of RFC 2047 (Python's email package, where it is installed; else the rule itself) gets it back.
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { headerText } from '../../../lambda/contract/header-text.ts';

test.each([
  ['plain text', 'plain text'],
  ['', ''],
  ['© Jörg', '=?UTF-8?B?wqkgSsO2cmc=?='],
  ['=?UTF-8?B?eA==?=', '=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?='],
])('of %j is %j', (text, expected) => {
  expect(headerText(text)).toBe(expected);
});

const python = spawnSync('python3', ['-c', 'import email.header']).status === 0;
if (!python) console.log('skipped: Python is not here to read encoded words');

test.runIf(python || process.env['CI'] !== undefined)(
  'is read back by another program, in words of at most 75 characters',
  () => {
    const texts = fc
      .sample(fc.string({ unit: 'grapheme', maxLength: 200 }), 200)
      .filter((text) => !/\p{Cc}/u.test(text));
    const encoded = texts.map(headerText);
    for (const text of encoded) {
      expect(text).toMatch(/^[\x20-\x7e]*$/);
      if (text.startsWith('=?')) for (const word of text.split(' ')) expect(word.length).toBeLessThanOrEqual(75);
    }
    const code =
      'import json,sys,email.header as h\nprint(json.dumps([str(h.make_header(h.decode_header(t))) if t.startswith("=?") else t for t in json.load(sys.stdin)]))';
    const read = execFileSync('python3', ['-c', code], { input: JSON.stringify(encoded) });
    expect(JSON.parse(read.toString())).toEqual(texts);
  },
);
