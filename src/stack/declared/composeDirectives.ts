import { entries, field, pointer, textOf } from "../formats.ts";
import { listOf, tableOf } from "./composeMerge.ts";
import type { Service } from "./composeService.ts";
import type { Directive } from "./directive.ts";
import { isTable } from "./directives.ts";
import { marked } from "./variables.ts";

/** Keys that say one word, and the flag that says the same. */
const WORDS: Readonly<Record<string, string>> = {
  privileged: "privileged",
  read_only: "read-only",
  user: "user",
  working_dir: "workdir",
  runtime: "runtime",
  network_mode: "network",
  pid: "pid",
  ipc: "ipc",
  uts: "uts",
  userns_mode: "userns",
  cgroup: "cgroupns",
  mem_limit: "memory",
  cpus: "cpus",
  pids_limit: "pids-limit",
};

const LISTS: Readonly<Record<string, string>> = {
  cap_add: "cap-add",
  cap_drop: "cap-drop",
  security_opt: "security-opt",
  tmpfs: "tmpfs",
  group_add: "group-add",
};

/** Everything that a service asks for; a key that is not known is a directive of its own name. `env_file` and `extends` are read before. */
export function directivesOfService(service: Service): Directive[] {
  return entries(service.content).flatMap(([key, value]): Directive[] => {
    const place = pointer("services", service.name, key);
    const own = { key, place };
    if (value === null || value === undefined || key === "env_file" || key === "extends") return [];
    if (Object.hasOwn(WORDS, key)) return [{ ...own, name: WORDS[key] ?? key, value }];
    if (Object.hasOwn(LISTS, key)) return each(value, own, LISTS[key] ?? key);
    switch (key) {
      case "environment":
        return Object.entries(tableOf(value)).map(([name, text]) => environmentOf(name, text, own));
      case "volumes":
        return each(value, own, "volume").map((directive) => volumeDirective(directive, service));
      case "devices":
        return each(value, own, "device").map(deviceDirective);
      case "secrets":
      case "configs":
        return each(value, own, key).map((directive) => fileDirective(directive, key, service));
      case "gpus":
        return [{ ...own, name: "gpus", value: "all" }];
      case "use_api_socket":
        return value === true ? [{ ...own, name: "volume", value: ENGINE }] : [{ ...own, name: key, value }];
      case "deploy":
        return deployDirectives(value, own);
      default:
        return [{ ...own, name: key, value }];
    }
  });
}

const ENGINE = "/var/run/docker.sock:/var/run/docker.sock";

type Own = { key: string; place: string };

/** A single word where a list is expected is a list of one, as compose has it for `tmpfs`. */
function each(value: unknown, { key, place }: Own, name: string): Directive[] {
  return listOf(value).map((item, i) => ({ key, name, value: item, place: `${place}/${i}` }));
}

/** A number or a truth value is a text inside; nothing at all takes the host's value. */
export function environmentOf(name: string, value: unknown, own: Own): Directive {
  const text = typeof value === "number" || typeof value === "boolean" ? String(value) : (value ?? marked(name));
  return { ...own, name: "env", value: [name, text], place: `${own.place}${pointer(name)}` };
}

/** A named volume that is a directory of the host in disguise (`driver_opts: { o: bind, device: … }`) is what it is. */
function volumeDirective(directive: Directive, { top }: Service): Directive {
  const { value } = directive;
  const name = typeof value === "string" ? (value.split(":")[0] ?? "") : (textOf(field(value, "source")) ?? "");
  const options = field(top.volumes, name, "driver_opts");
  const device = textOf(field(options, "device"));
  const isBind = /\bbind\b/.test(`${textOf(field(options, "o")) ?? ""},${textOf(field(options, "type")) ?? ""}`);
  if (device !== undefined && isBind) {
    if (typeof value === "string") return { ...directive, value: `${device}${value.slice(name.length)}` };
    return { ...directive, name: "mount", value: { ...(value as object), type: "bind", source: device } };
  }
  return typeof value === "string" ? directive : { ...directive, name: "mount" };
}

function deviceDirective(directive: Directive): Directive {
  if (!isTable(directive.value)) return directive;
  const source = textOf(field(directive.value, "source"));
  const target = textOf(field(directive.value, "target"));
  return source === undefined ? directive : { ...directive, value: `${source}:${target ?? source}` };
}

/** A secret or a configuration that is a file is a mount, read only, where compose puts it. */
function fileDirective(directive: Directive, key: "secrets" | "configs", { top }: Service): Directive {
  const name = textOf(directive.value) ?? textOf(field(directive.value, "source")) ?? "";
  const file = textOf(field(top[key], name, "file"));
  if (file === undefined) return { ...directive, name: `${key} ${name}` };
  const usual = key === "secrets" ? `/run/secrets/${name}` : `/${name}`;
  const written = textOf(field(directive.value, "target")) ?? usual;
  const target = written.startsWith("/") ? written : `/run/secrets/${written}`;
  return { ...directive, name: "mount", value: { type: "bind", source: file, target, read_only: true } };
}

function deployDirectives(value: unknown, { key, place }: Own): Directive[] {
  const at = (...path: string[]) => ({ key: [key, ...path].join("."), place: `${place}${pointer(...path)}` });
  const others = (table: unknown, path: string[], read: string): Directive[] =>
    entries(table)
      .filter(([name]) => name !== read)
      .map(([name, inner]) => ({ ...at(...path, name), name, value: inner }));
  const resources = field(value, "resources");
  const reservations = field(resources, "reservations");
  const limits = entries(field(resources, "limits")).map(([name, amount]): Directive => {
    const known = { cpus: "cpus", memory: "memory", pids: "pids-limit" }[name];
    return { ...at("resources", "limits", name), name: known ?? name, value: amount };
  });
  const devices = listOf(field(reservations, "devices") ?? []).map(
    (): Directive => ({ ...at("resources", "reservations", "devices"), name: "gpus", value: "reserved" }),
  );
  const all = [
    ...limits,
    ...devices,
    ...others(value, [], "resources"),
    ...others(resources, ["resources"], "limits").filter(({ name }) => name !== "reservations"),
    ...others(reservations, ["resources", "reservations"], "devices"),
  ];
  return all.length > 0 ? all : [{ ...at(), name: key, value }];
}
