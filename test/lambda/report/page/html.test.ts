// Text into HTML: nothing that comes from outside becomes markup.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escaped, foreign, html } from '../../../../lambda/report/page/html.ts';

describe('html', () => {
  it('escapes every value, in content and in attributes, and keeps what it made itself', () => {
    const key = `<script>alert("1")</script>'&`;
    expect(html`<p title="${key}">${key}${html`<b>${1}</b>`}${[key, false, undefined]}</p>`.markup).toBe(
      `<p title="${escaped(key)}">${escaped(key)}<b>1</b>${escaped(key)}</p>`,
    );
    expect(escaped(key)).toBe('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;');
  });

  it('leaves no character of any text that could begin a tag or end an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escaped(text)).not.toMatch(/[<>"']/);
        expect(escaped(text).isWellFormed()).toBe(true);
      }),
    );
  });

  it('shows what would turn a line around or break it as an escape, apart from its surroundings', () => {
    expect(foreign('a\u202Egpj.exe\n<b>').markup).toBe('<bdi>a\\u202egpj.exe\\n&lt;b&gt;</bdi>');
    expect(foreign('x'.repeat(1000)).markup.length).toBeLessThan(450);
  });
});
