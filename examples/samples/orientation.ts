// Stores upright pixels as a turned camera would: with the EXIF orientation that turns them back.
import type { Raster } from './scenes.ts';

/** EXIF orientation: where the first row and the first column of the stored pixels are in the picture as people see it. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const ORIENTATIONS: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];

/** The pixels to store so that a reader that heeds `orientation` sees `upright`. From 5 on, width and height swap. */
export function storedFor(orientation: Orientation, upright: Raster): Raster {
  const { width, height, channels } = upright;
  const turned = orientation >= 5;
  const columns = turned ? height : width;
  const rows = turned ? width : height;
  const data = new Uint8Array(upright.data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [x, y] = seenAt(orientation, row, column, width, height);
      const from = (y * width + x) * channels;
      const to = (row * columns + column) * channels;
      for (let part = 0; part < channels; part++) data[to + part] = upright.data[from + part] as number;
    }
  }
  return { data, width: columns, height: rows, channels };
}

/** Where in the upright picture a stored pixel is seen. */
function seenAt(
  orientation: Orientation,
  row: number,
  column: number,
  width: number,
  height: number,
): [x: number, y: number] {
  const right = width - 1;
  const bottom = height - 1;
  switch (orientation) {
    case 1:
      return [column, row];
    case 2:
      return [right - column, row];
    case 3:
      return [right - column, bottom - row];
    case 4:
      return [column, bottom - row];
    case 5:
      return [row, column];
    case 6:
      return [right - row, column];
    case 7:
      return [right - row, bottom - column];
    case 8:
      return [row, bottom - column];
  }
}
