// The items of a prepared job, read by the ItemReader of the very Map state that runs them.
import type { PreparedState } from '../../lambda/job/prepared.ts';
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
