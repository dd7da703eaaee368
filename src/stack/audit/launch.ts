import { basename } from "node:path";
import type { McpServer } from "../servers.ts";

/** What really starts when a server's command is run, as far as its words tell. */
export type Launch =
  /** Fetched from a registry when it starts. `version` is exact, or undefined. */
  | { kind: "package"; registry: "npm" | "pypi" | "jsr" | "git"; name: string; version: string | undefined }
  | { kind: "image"; reference: string; digest: string | undefined }
  /** Something that is there already. */
  | { kind: "local"; program: string }
  | { kind: "unknown"; why: string };

export function launchOf(server: Pick<McpServer, "command" | "args">): Launch {
  return server.command === undefined
    ? { kind: "unknown", why: "no command" }
    : launch([server.command, ...server.args]);
}

function launch(words: readonly string[], depth = 0): Launch {
  const [first = "", ...rest] = words;
  const program = basename(first.replaceAll("\\", "/")).replace(/\.(exe|cmd)$/i, "");
  if (depth > 3) return { kind: "unknown", why: "a command in a command in a command" };
  switch (program) {
    case "npx":
    case "bunx":
    case "pnpx":
      return npm(rest);
    case "npm":
      return ["exec", "x"].includes(rest[0] ?? "") ? npm(rest.slice(1)) : { kind: "local", program };
    case "pnpm":
    case "yarn":
      return rest[0] === "dlx" ? npm(rest.slice(1)) : { kind: "local", program };
    case "bun":
      return rest[0] === "x" ? npm(rest.slice(1)) : { kind: "local", program };
    case "uvx":
      return pypi(rest);
    case "uv":
      return rest[0] === "tool" && rest[1] === "run" ? pypi(rest.slice(2)) : { kind: "local", program };
    case "pipx":
      return rest[0] === "run" ? pypi(rest.slice(1)) : { kind: "local", program };
    case "docker":
    case "podman":
    case "nerdctl":
      return image(rest);
    case "deno":
      return deno(rest);
    case "env":
      return launch(rest.slice(rest.findIndex((word) => !/^(-|[A-Za-z_]\w*=)/.test(word))), depth + 1);
    case "sh":
    case "bash":
    case "zsh":
    case "cmd":
      return shell(program, rest, depth);
    default:
      return { kind: "local", program };
  }
}

function shell(program: string, words: readonly string[], depth: number): Launch {
  const at = words.findIndex((word) => /^(-[a-z]*c|\/c)$/i.test(word));
  if (at < 0) return { kind: "local", program };
  const line = words.slice(at + 1).join(" ");
  const command = line
    .split(/&&|;|\|\|/)
    .at(-1)
    ?.trim()
    .replace(/^exec\s+/, "");
  return launch(
    (command ?? "").split(/\s+/).map((word) => word.replace(/^["']|["']$/g, "")),
    depth + 1,
  );
}

const EXACT = /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const COMMIT = /#[0-9a-f]{40}$/;

function npm(words: readonly string[]): Launch {
  const spec = valueOf(words, ["-p", "--package"]) ?? words.find((word) => !word.startsWith("-"));
  if (spec === undefined) return { kind: "unknown", why: "no package is named" };
  if (/^(\.|\/|~|file:)/.test(spec)) return { kind: "local", program: spec };
  if (/^(git\+|git:|github:|https?:)|^[\w.-]+\/[\w.-]+(#|$)/.test(spec)) {
    return { kind: "package", registry: "git", name: spec, version: COMMIT.exec(spec)?.[0].slice(1) };
  }
  const at = spec.indexOf("@", 1);
  const [name, version] = at < 0 ? [spec, ""] : [spec.slice(0, at), spec.slice(at + 1)];
  return { kind: "package", registry: "npm", name, version: EXACT.test(version) ? version : undefined };
}

function pypi(words: readonly string[]): Launch {
  const spec =
    valueOf(words, ["--from", "--spec"]) ??
    positional(words, new Set(["-p", "--python", "--with", "--index-url", "--index"]));
  if (spec === undefined) return { kind: "unknown", why: "no package is named" };
  if (/^(\.|\/|~)/.test(spec)) return { kind: "local", program: spec };
  if (/^git\+|^https?:/.test(spec)) {
    return { kind: "package", registry: "git", name: spec, version: /@([0-9a-f]{40})$/.exec(spec)?.[1] };
  }
  const [, name = spec, version] = /^([A-Za-z0-9._-]+(?:\[[^\]]*\])?)(?:==|@)(.+)$/.exec(spec) ?? [];
  const isExact = version !== undefined && /^\d+(\.\d+)+[\w.+-]*$/.test(version);
  return { kind: "package", registry: "pypi", name, version: isExact ? version : undefined };
}

/** Flags of `docker run` that take the next word. One that is missing here makes its value look like the image. */
const TAKES_VALUE = new Set(
  "-e --env -v --volume --mount --name -p --publish --network --net --user -u -w --workdir --entrypoint --env-file -l --label -m --memory --cpus --add-host --cap-add --cap-drop --security-opt --platform --pull --runtime --gpus --device --tmpfs -h --hostname --ulimit --dns --pids-limit --shm-size --restart --ipc --pid --userns --cgroupns --log-driver --volumes-from --link --group-add --sysctl --stop-timeout".split(
    " ",
  ),
);

function image(words: readonly string[]): Launch {
  const at = words.indexOf("run");
  if (at < 0) return { kind: "local", program: "docker" };
  const reference = positional(words.slice(at + 1), TAKES_VALUE);
  if (reference === undefined) return { kind: "unknown", why: "no image is named" };
  return { kind: "image", reference, digest: /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] };
}

function deno(words: readonly string[]): Launch {
  const spec = words.find((word) => /^(npm|jsr|https?):/.test(word));
  if (spec === undefined) return { kind: "local", program: "deno" };
  const [, registry = "npm", name = spec, version] = /^(npm|jsr):\/?(@?[^@]+)(?:@([^/]+))?/.exec(spec) ?? [];
  const isExact = version !== undefined && EXACT.test(version);
  return {
    kind: "package",
    registry: registry === "jsr" ? "jsr" : "npm",
    name,
    version: isExact ? version : undefined,
  };
}

/** The first word that is neither a flag nor the value of one. */
function positional(words: readonly string[], takesValue: ReadonlySet<string>): string | undefined {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (takesValue.has(word)) i++;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}

function valueOf(words: readonly string[], flags: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    for (const flag of flags) {
      if (word === flag) return words[i + 1];
      if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1);
    }
  }
  return undefined;
}
