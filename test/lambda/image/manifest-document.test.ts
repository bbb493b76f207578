// The JSON document per image: what a page needs for srcset, and no more.
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { make } from './images.ts';

it('lists every output and one srcset per format, each width once', async () => {
  const body = await sharp({ create: { width: 800, height: 400, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  const { renditions, placeholder } = await make(body, 'web', {}, { key: 'a, b/ö c.jpg' });
  const manifest = renditions.at(-1);
  expect(manifest).toMatchObject({
    name: 'manifest',
    key: 'a, b/ö c/manifest.json',
    contentType: 'application/json',
    format: 'json',
  });
  const document = JSON.parse(manifest?.body.toString() ?? '');
  expect(document.source).toEqual({ key: 'a, b/ö c.jpg', format: 'jpeg', width: 800, height: 400 });
  expect(document.placeholder).toEqual(placeholder);
  expect(document.sources).toEqual([
    { type: 'image/avif', srcset: '320.avif 320w, 640.avif 640w, 1024.avif 800w' },
    { type: 'image/webp', srcset: '320.webp 320w, 640.webp 640w, 1024.webp 800w' },
    { type: 'image/jpeg', srcset: '320.jpg 320w, 640.jpg 640w, 1024.jpg 800w' },
  ]);
  expect(document.outputs).toHaveLength(12);
  expect(document.outputs[0]).toEqual({
    name: 'avif-320',
    path: '320.avif',
    type: 'image/avif',
    format: 'avif',
    bytes: renditions[0]?.body.length,
    width: 320,
    height: 160,
  });
});
