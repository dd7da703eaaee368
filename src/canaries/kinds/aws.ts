import { writeNumber } from "../block.ts";
import { group, type Kind } from "./kind.ts";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_ID = /^(A[KS]IA)[A-Z2-7]{16}$/;

/**
 * 80 bits in base32: a flag, the account number in bits 1 to 40, 39 bits of the key. The flag is set, so the fifth
 * character is never one of an id from before 2019. Too short for a block: known from the registry. The account
 * number is random for each installation and may by chance be somebody's; nothing is ever sent to it.
 */
export const awsKeyId: Kind = {
  name: "aws-access-key-id",
  code: 1,
  form: KEY_ID,
  shape: `AKIA${"A".repeat(16)}`,
  make(original, draw) {
    const rest = (BigInt(draw.below(2 ** 20)) << 19n) | BigInt(draw.below(2 ** 19));
    const bits = (1n << 79n) | (draw.accountNumber << 39n) | rest;
    return group(KEY_ID, original) + writeNumber(bits, BASE32, 16);
  },
};

export const awsSecret: Kind = {
  name: "aws-secret-access-key",
  code: 2,
  form: /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?![0-9a-fA-F]{40}$)[A-Za-z0-9+/]{40}$/,
  shape: "aB3/".repeat(10),
  make: (_original, draw) => `${draw.body(39)}${draw.chars("+/abcXYZ019", 1)}`,
};

const SESSION = /^(IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)([A-Za-z0-9+/]{80,})(={0,2})$/;

export const awsSessionToken: Kind = {
  name: "aws-session-token",
  code: 3,
  form: SESSION,
  shape: `IQoJb3JpZ2lu${"aB3/".repeat(90)}`,
  make(original, draw) {
    const body = `/${draw.body(group(SESSION, original, 2).length - 1)}`;
    return group(SESSION, original) + body + group(SESSION, original, 3);
  },
};
