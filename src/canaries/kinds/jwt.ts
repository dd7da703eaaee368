import { BASE62 } from "../block.ts";
import type { Kind } from "./kind.ts";
import { sameShape } from "./shapes.ts";

const FORM = /^eyJ[0-9A-Za-z_-]{5,}\.eyJ[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]{0,}$/;

/** Claims that are about the protocol and not about a person: they stay, so that the token still reads as what it was. */
const KEPT = new Set(["alg", "typ", "cty", "iss", "aud", "azp", "scope", "scp", "token_use", "ver", "client_id"]);

/**
 * Header and payload that still parse, with the same claims: identifiers renewed, an expiry that lies ahead, and a
 * signature of the same length that no key made.
 */
export const jwt: Kind = {
  name: "jwt",
  code: 40,
  form: FORM,
  shape: `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: "a-user", iat: 0, exp: 3600 })}.${"a".repeat(43)}`,
  make(original, draw) {
    const [head = "", payload = "", signature = ""] = original.split(".");
    const nowSeconds = Math.floor(draw.now.getTime() / 1000);
    const claims = decode(payload);
    const issued = typeof claims?.iat === "number" ? claims.iat : undefined;
    const renew = (key: string, value: unknown): unknown => {
      if (key === "iat" || key === "nbf" || key === "auth_time") return nowSeconds - 60;
      if (key === "exp" && typeof value === "number") return nowSeconds + Math.max(3600, value - (issued ?? value));
      if (KEPT.has(key)) return value;
      if (typeof value === "string") return sameShape(value, draw);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return renewAll(value, renew);
      return Array.isArray(value) ? value.map((item) => renew("", item)) : value;
    };
    const part = (text: string): string => {
      const object = decode(text);
      return object === undefined ? sameShape(text, draw) : encode(renewAll(object, renew));
    };
    return `${part(head)}.${part(payload)}.${draw.body(Math.max(signature.length, 43), BASE62)}`;
  },
};

function renewAll(object: object, renew: (key: string, value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, renew(key, value)]));
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** undefined when it is not a JSON object. */
function decode(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
