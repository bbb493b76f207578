// What every item reader gives: items in pages, so that a run starts before its listing ends.
import type { Json } from '../../states-language.ts';

export interface ReadItem {
  readonly value: Json;
  /** Only when an object is mapped: the member's name. */
  readonly key?: string;
}

/** Items in input order, page by page. */
export type ItemPages = AsyncIterable<readonly ReadItem[]>;

/** Items per page where the source has no pages of its own; S3's own number. */
export const PAGE = 1000;

/** Gathers single values into pages. What came before an error is given first. */
export async function* inPages(items: AsyncIterable<ReadItem> | Iterable<ReadItem>): AsyncGenerator<ReadItem[]> {
  let page: ReadItem[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      page.push(item);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
  } catch (error) {
    failure = { error };
  }
  if (page.length > 0) yield page;
  if (failure !== undefined) throw failure.error;
}

/** Ends after `most` items; 0 is no limit. */
export async function* firstItems(pages: ItemPages, most: number): AsyncGenerator<readonly ReadItem[]> {
  let left = most === 0 ? Number.POSITIVE_INFINITY : most;
  for await (const page of pages) {
    yield page.length <= left ? page : page.slice(0, left);
    left -= page.length;
    if (left <= 0) return;
  }
}
