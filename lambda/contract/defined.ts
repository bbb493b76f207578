// An object without its undefined fields: what is not known is left out, not said to be undefined.

export type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

/** The fields that are defined. */
export function definedOnly<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
