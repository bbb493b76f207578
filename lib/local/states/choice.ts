// Choice states: the first rule that holds decides what comes next.
import type { ChoiceState } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import { compilePath } from './path.ts';
import type { StateRunner } from './state.ts';

/** Fails with States.NoChoiceMatched when no rule holds and there is no Default. */
export function choiceState({ Choices, Default }: ChoiceState): StateRunner {
  const rules = Choices.map((rule) => ({ ...rule, value: compilePath(rule.Variable) }));
  return (input, { context }) => {
    const rule = rules.find(({ value, StringEquals }) => value(input, context) === StringEquals);
    const next = rule?.Next ?? Default;
    if (next === undefined) throw new StatesError('States.NoChoiceMatched', 'States.NoChoiceMatched');
    return { output: input, next };
  };
}
