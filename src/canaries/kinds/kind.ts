/**
 * One kind of credential whose form is known: how to tell it, and how to make a fake of it that a format check
 * accepts. The forms were taken from the vendors' documents and recomputed on published samples.
 */
export type Kind = {
  name: string;
  /** Stands in sealed blocks: 1 to 255, never given to another kind. */
  code: number;
  /** The whole of a value of this kind, anchored. */
  form: RegExp;
  /** A value of this form that nobody has, for a fake that replaces nothing. */
  shape: string;
  make(original: string, draw: Draw): string;
};

/** Where a fake's characters come from: the same key, cycle and serial give the same characters. */
export type Draw = {
  /** The sealed block in this alphabet: 22 characters of base62, 23 letters, 32 of hex. */
  block(alphabet: string): string;
  chars(alphabet: string, length: number): string;
  /** The sealed block and then filling, `length` in all; filling alone where it is too short for a block. */
  body(length: number, alphabet?: string): string;
  /** 0 to n-1. */
  below(n: number): number;
  /** Twelve digits, the same for all fakes of an installation. */
  accountNumber: bigint;
  now: Date;
};

/** The first group of the form's match, or the empty string. */
export function group(form: RegExp, text: string, index = 1): string {
  return form.exec(text)?.[index] ?? "";
}
