import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const addressForm: Check = {
  id: "address-form",
  category: "network",
  why: "A list of forbidden addresses that compares text lets the same address through when it is written otherwise.",
  misses:
    "Whether the filter or the system's own reading of the form decided: all forms are one address to the kernel.",
  source: "inet_aton(3), decimal, octal and hexadecimal forms; RFC 4291, 2.5.5.2 (mapped addresses)",
  run: (context) => seenBy(context, "address-form", addressFormTries),
};

export function addressFormTries({ outside }: SimulatedInternet): Try[] {
  const parts = outside.split(".").map(Number);
  const number = parts.reduce((sum, part) => sum * 256 + part, 0);
  const forms = {
    decimal: String(number),
    hexadecimal: `0x${number.toString(16)}`,
    octal: parts.map((part) => `0${part.toString(8)}`).join("."),
    mapped: `::ffff:${outside}`,
  };
  return Object.entries(forms).map(([form, host]) => ({
    id: `address-form:${form}`,
    subject: `an address written in the ${form} form`,
    way: "tcp",
    host,
    port: 80,
  }));
}
