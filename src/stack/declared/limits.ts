/** Limits as engines write them. Undefined when the text is no amount; zero and minus one mean that there is none. */
type Amount = number | "unlimited" | undefined;

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `536870912`, `512m`, `1.5gb`, `2GiB`: in MiB, rounded up. */
export function mebibytesOf(text: string): Amount {
  const [, digits = "", unit = ""] = /^(\d{1,18}(?:\.\d{1,9})?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  if (text.trim() === "-1") return "unlimited";
  if (digits === "") return undefined;
  const bytes = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  return bytes === 0 ? "unlimited" : Math.ceil(bytes / 1024 ** 2);
}

export function cpusOf(text: string): Amount {
  if (!/^\d{1,6}(\.\d{1,9})?$/.test(text.trim())) return undefined;
  const cpus = Number(text);
  return cpus === 0 ? "unlimited" : cpus;
}

export function pidsOf(text: string): Amount {
  if (!/^-?\d{1,9}$/.test(text.trim())) return undefined;
  const pids = Number(text);
  return pids <= 0 ? "unlimited" : pids;
}
