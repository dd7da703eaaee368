import { entries, field, pointer, textOf } from "../formats.ts";
import type { Directive } from "./directive.ts";
import { flagsOf } from "./flags.ts";

/** Keys that are read elsewhere, or that grant nothing. */
const ELSEWHERE = new Set(["name", "$schema", "workspaceFolder", "remoteUser", "containerUser"]);

/** Of a devcontainer.json. */
export function directivesOf(file: unknown): Directive[] {
  return entries(file).flatMap(([key, value]) => {
    const place = pointer(key);
    switch (key) {
      case "runArgs":
        return flagsOf(Array.isArray(value) ? (value as unknown[]) : [value], (i) => `${place}/${i}`);
      case "mounts":
        return each(value, place, "mount", key);
      case "capAdd":
        return each(value, place, "cap-add", key);
      case "capDrop":
        return each(value, place, "cap-drop", key);
      case "securityOpt":
        return each(value, place, "security-opt", key);
      case "containerEnv":
      case "remoteEnv":
        return isTable(value)
          ? entries(value).map(([name, text]) => ({ name: "env", value: [name, text], place: pointer(key, name) }))
          : [{ name: key, value, place }];
      default:
        return ELSEWHERE.has(key) ? [] : [{ name: key, value, place }];
    }
  });
}

/** One directive an item; a value that is no list is one of the key's own name, which is then said and not read. */
function each(value: unknown, place: string, name: string, key: string): Directive[] {
  if (!Array.isArray(value)) return [{ name: key, value, place }];
  return value.map((item: unknown, i) => ({ name, value: item, place: `${place}/${i}` }));
}

export function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text at a key of the file's top, or undefined. */
export function topText(file: unknown, key: string): string | undefined {
  return textOf(field(file, key));
}
