// The context object (`$$`): https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
import type { Json } from '../../states-language.ts';

/** What the engine fills of it: no `$$.State`, no `$$.Task`. */
export interface Context {
  readonly Execution: {
    readonly Id: string;
    readonly Name: string;
    readonly Input: Json;
    readonly StartTime: string;
    readonly RoleArn: string;
    readonly RedriveCount: number;
  };
  readonly StateMachine: { readonly Id: string; readonly Name: string };
  readonly Map?: { readonly Item: MapItem };
}

/** `$$.Map.Item`. */
export interface MapItem {
  readonly Index: number;
  readonly Value: Json;
  readonly Key?: string;
  readonly Source: string;
}
