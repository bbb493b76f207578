// PDF: a page as an image, by PDFium as WebAssembly. Only where the recipe allows it.
import { pngOf } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, type Wanted } from './decoder.ts';
import { loaded } from './loaded.ts';

const TITLE = 'PDF';
/** A point is 1/72 inch. */
const POINTS = 72;

type PdfiumLibrary = Awaited<ReturnType<typeof import('@hyzyla/pdfium').PDFiumLibrary.init>>;
async function load(): Promise<PdfiumLibrary> {
  const { PDFiumLibrary } = await import('@hyzyla/pdfium');
  return PDFiumLibrary.init();
}

const withPackage = loaded(load);

export const pdf: Decoder = {
  format: 'pdf',
  title: TITLE,
  same: 'png',
  contentType: 'application/pdf',
  mustBeAllowed: true,
  takes: (body) => body.toString('latin1', 0, 5) === '%PDF-',
  decode: async (body, allow, wanted) => {
    return withPackage((lib) => decode(lib, body, allow, wanted));
  },
};

async function decode(
  library: PdfiumLibrary,
  body: Buffer,
  allow: Allow,
  { page: number, density }: Wanted,
): Promise<Decoded> {
  const document = await library.loadDocument(body).catch((error: Error) => {
    throw damaged(TITLE, error.message);
  });
  try {
    const pages = document.getPageCount();
    if (pages < 1) throw damaged(TITLE, 'no page');
    const page = document.getPage(number);
    const scale = density / POINTS;
    const { originalWidth, originalHeight } = page.getOriginalSize();
    allow(Math.ceil(originalWidth * scale), Math.ceil(originalHeight * scale));
    // Its bytes are BGRA on opaque white.
    const { width, height, data } = await page.render({ scale, render: 'bitmap' });
    return { body: pngOf({ width, height, channels: 3, depth: 8, data: rgbOf(data) }), format: 'png', pages };
  } finally {
    document.destroy();
  }
}

function rgbOf(data: Uint8Array): Buffer {
  const rgb = Buffer.allocUnsafe((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from] ?? 0;
    rgb[to + 1] = data[from + 1] ?? 0;
    rgb[to + 2] = data[from + 2] ?? 0;
  }
  return rgb;
}
