import { OperatorError } from "../../base/errors.ts";
import { entries } from "../formats.ts";
import { isTable } from "./directives.ts";
import { interpolate, type Lookup } from "./interpolate.ts";

/** Keys whose later value takes the place of the earlier one whole. */
const REPLACED = new Set(["command", "entrypoint", "test"]);
/** Keys that are a table or a list of `NAME=value`. */
const TABLES = new Set(["environment", "labels", "annotations", "sysctls", "extra_hosts", "args"]);

/**
 * A later layer over an earlier one, by compose's rules (docs.docker.com/reference/compose-file/merge): tables are joined, lists
 * appended, mounts told apart by where they end, all else replaced. `null` says nothing.
 */
export function mergeLayers(under: unknown, over: unknown, key = ""): unknown {
  if (over === undefined || over === null) return under;
  if (under === undefined || under === null || REPLACED.has(key)) return over;
  if (TABLES.has(key)) return { ...tableOf(under), ...tableOf(over) };
  if (isTable(under) && isTable(over)) {
    const joined = new Map(entries(under));
    for (const [name, value] of entries(over)) joined.set(name, mergeLayers(joined.get(name), value, name));
    return Object.fromEntries(joined);
  }
  if (key === "tmpfs" || key === "env_file" || (Array.isArray(under) && Array.isArray(over))) {
    const all = [...listOf(under), ...listOf(over)];
    return key === "volumes" ? byTarget(all) : all;
  }
  return over;
}

/** `["A=b", "C"]` and `{ A: "b", C: null }` are one. Anything else stays what it is, to be said later. */
export function tableOf(value: unknown): Record<string, unknown> {
  if (!Array.isArray(value)) return isTable(value) ? (value as Record<string, unknown>) : { "": value };
  return Object.fromEntries(
    value.map((item: unknown, i): [string, unknown] => {
      if (typeof item !== "string") return [`#${i}`, item];
      const at = item.search(/[=:]/);
      return at < 0 ? [item, null] : [item.slice(0, at), item.slice(at + 1)];
    }),
  );
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

function byTarget(mounts: unknown[]): unknown[] {
  const kept = new Map<unknown, unknown>();
  for (const mount of mounts) kept.set(targetOf(mount) ?? mount, mount);
  return [...kept.values()];
}

function targetOf(mount: unknown): string | undefined {
  if (typeof mount === "string") return mount.split(":")[1] ?? mount;
  const target = entries(mount).find(([key]) => key === "target")?.[1];
  return typeof target === "string" ? target : undefined;
}

const VALUES_MAX = 20_000;

/** Every text in a value with its variables put in. Throws OperatorError when there are more values than any person writes. */
export function interpolateAll(file: string, value: unknown, lookup: Lookup): unknown {
  let left = VALUES_MAX;
  const visit = (at: unknown): unknown => {
    if (left-- <= 0) {
      throw new OperatorError(
        `${file}: more than ${VALUES_MAX} values in one service`,
        "name another file with target.declaredBy",
      );
    }
    if (typeof at === "string") return interpolate(at, lookup);
    if (Array.isArray(at)) return at.map((item: unknown) => visit(item));
    return isTable(at) ? Object.fromEntries(entries(at).map(([key, inner]) => [key, visit(inner)])) : at;
  };
  return visit(value);
}
