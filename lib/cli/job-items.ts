// The items of a prepared job, read by the ItemReader of the very Map state that runs them.

import type { PreparedState } from '../../lambda/job/prepared.ts';
import type { ItemPages } from '../../lambda/prepare/key-list.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { type ItemSource, openItems } from '../local/item-reader.ts';
import { evaluateTemplate } from '../local/states/template.ts';
import type { DistributedMapState, Json } from '../states-language.ts';
import { READERS, workflow } from '../workflow.ts';

/** Opens them as a run would; nothing is read before the pages are asked for. */
export function openJobItems(
  state: Pick<PreparedState, 'reader' | 'keys'>,
  open: OpenStore,
  signal: AbortSignal,
): Promise<ItemSource> {
  const functions = { prepare: '', process: '', processLarge: '', summarize: '' };
  const map = workflow({ functions }).States[READERS[state.reader.kind].state] as DistributedMapState;
  return openItems(map, (template) => evaluateTemplate(template, state as unknown as Json), open, signal);
}

/** The same for Prepare, where it has to go through a manifest itself. */
export function itemsFor(open: OpenStore): (state: Pick<PreparedState, 'reader' | 'keys'>) => Promise<ItemPages> {
  return async (state) => {
    const { pages } = await openJobItems(state, open, new AbortController().signal);
    return valuesOf(pages({ count: 0 }));
  };
}

async function* valuesOf(pages: ReturnType<ItemSource['pages']>): ItemPages {
  for await (const page of pages) yield page.map(({ value }) => value);
}
