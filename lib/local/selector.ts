// The item selector: what a child gets of each item, as JSON text.
import type { Json, PayloadTemplate } from '../states-language.ts';
import type { Context, MapItem } from './states/context.ts';
import { compileTemplate } from './states/template.ts';

/** Compiles the ItemSelector of a Map state; without one an item's value is what its child gets. */
export function createSelector(
  template: PayloadTemplate | undefined,
  input: Json,
  { Execution, StateMachine }: Context,
): (item: MapItem) => string {
  if (template === undefined) return (item) => JSON.stringify(item.Value);
  const selected = compileTemplate(template);
  return (item) => JSON.stringify(selected(input, { Execution, StateMachine, Map: { Item: item } }));
}
