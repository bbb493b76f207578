// What goes with keepGainMap: the picture and its map are made by one pipeline of sharp, which does the same to both.
import { OPERATION_ORDER, type OperationName } from './names.ts';
import type { Operations, Output } from './types.ts';

const POSSIBLE: readonly OperationName[] = ['autoOrient', 'flip', 'flop', 'rotate', 'extract', 'resize'];

/** What keeps an output that asks for its gain map from having it, as a person should read it; undefined when nothing does. */
export function gainMapProblem(
  shared: Operations,
  { name, keepGainMap, formats, operations }: Output,
): string | undefined {
  if (keepGainMap !== true) return undefined;
  const got = (what: string): string => `in output "${name}" with keepGainMap, got ${what}`;
  if (!formats.includes('jpeg') && !formats.includes('same')) return `expected format jpeg ${got(formats.join(', '))}`;
  if (formats.length > 1) return `expected one format ${got(formats.join(', '))}`;
  const names = [...namesOf(shared), ...namesOf(operations)];
  const other = names.find((one) => !POSSIBLE.includes(one));
  if (other !== undefined) return `expected no operations but ${POSSIBLE.join(', ')} ${got(other)}`;
  const places = names.map((one) => OPERATION_ORDER.indexOf(one));
  if (places.some((place, at) => at > 0 && place <= (places[at - 1] ?? -1))) {
    return `expected shared operations that come before its own ${got(names.join(', '))}`;
  }
  for (const { resize, rotate } of [shared, operations]) {
    if (resize?.fit === 'contain') return `expected a fit other than contain ${got('contain')}`;
    if (resize?.position === 'attention' || resize?.position === 'entropy')
      return `expected a fixed position ${got(resize.position)}`;
    if (rotate !== undefined && rotate.angle % 90 !== 0) return `expected right angles ${got(String(rotate.angle))}`;
  }
  return undefined;
}

function namesOf(operations: Operations): OperationName[] {
  return OPERATION_ORDER.filter((name) => operations[name] !== undefined && operations[name] !== false);
}
