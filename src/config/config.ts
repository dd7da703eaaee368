import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { sha256Hex } from "../base/hash.ts";
import { complaintOf } from "./complaint.ts";
import { CONFIG_NAME, INTENDED_NAME } from "./name.ts";
import { ConfigFile } from "./schema.ts";
import { lineOf, parseYaml } from "./yaml.ts";

/**
 * `weakdoor.yaml`: which stack is studied, how, and how strictly. Read once, at the start of a run. An error names the
 * file, the line, the key, the value and the remedy; nothing falls back to a default because it could not be read.
 */

/** The file as read, every path in it absolute. */
export type Config = Omit<z.infer<typeof ConfigFile>, "version" | "intended"> & {
  /** Of the file itself, absolute. */
  path: string;
  /** The directory the file lies in; paths in the file are relative to it, and `.weakdoor/` stands here. */
  directory: string;
  /** Of the file's bytes, lower-case hex. */
  sha256: string;
  /** Where the intended exposures are written down, absolute. It is there when the file names it, and need not be otherwise. */
  intended: string;
};

const BYTES_MAX = 1024 * 1024;

/** Throws OperatorError when the file cannot be read, is no YAML of our shape, or names a path that is not there. */
export async function loadConfig(path: string): Promise<Config> {
  const absolute = resolve(path);
  const bytes = await readConfigBytes(absolute);
  const document = parseYaml(absolute, bytes);
  const parsed = ConfigFile.safeParse(document.value);
  if (!parsed.success) throw complaintOf(absolute, document, parsed.error.issues, ConfigFile);
  const { version: _version, ...file } = parsed.data;
  const directory = dirname(absolute);
  const at = (...key: string[]) => `${basename(absolute)}:${lineOf(document, key)}: ${key.join(".")}`;
  const declaredBy = file.target.declaredBy;
  return {
    ...file,
    path: absolute,
    directory,
    sha256: sha256Hex(bytes),
    stack: {
      ...file.stack,
      home: existing("directory", directory, file.stack.home, at("stack", "home")),
      workspace: existing("directory", directory, file.stack.workspace, at("stack", "workspace")),
    },
    target: {
      ...file.target,
      declaredBy:
        declaredBy === "auto" || declaredBy === "none"
          ? declaredBy
          : declaration(directory, declaredBy, at("target", "declaredBy")),
    },
    intended:
      file.intended === undefined
        ? resolve(directory, INTENDED_NAME)
        : existing("file", directory, file.intended, at("intended")),
    probe: {
      ...file.probe,
      agentDirectories: file.probe.agentDirectories.map((path) =>
        existing("directory", directory, path, at("probe", "agentDirectories")),
      ),
    },
    docker: { ...file.docker, ...socketAt(directory, file.docker.socket) },
    clamav: socketAt(directory, file.clamav.socket),
    qemu: file.qemu.kernel === undefined ? {} : { kernel: resolve(directory, file.qemu.kernel) },
  };
}

function socketAt(directory: string, socket: string | undefined): { socket?: string } {
  return socket === undefined ? {} : { socket: resolve(directory, socket) };
}

async function readConfigBytes(path: string): Promise<Buffer> {
  try {
    if (!statSync(path).isFile()) {
      throw new OperatorError(`${path}: not a file`, `name the ${CONFIG_NAME} itself with --config`);
    }
    const { bytes, isWhole } = await readBounded(path, BYTES_MAX);
    if (isWhole) return bytes;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT") {
      throw new OperatorError(`${path}: no such file`, "weakdoor init writes one; --config names another");
    }
    if (errno === "EACCES" || errno === "EPERM") {
      throw new OperatorError(
        `${path}: may not be read (${errno})`,
        "give the user who runs weakdoor the right to read it",
      );
    }
    throw thrown;
  }
  throw new OperatorError(`${path}: larger than 1 MiB`, `is this a ${CONFIG_NAME}? weakdoor init writes one`);
}

/** A file and what of it is meant: `compose.yaml#agent`. A file whose own name has a `#` is taken as it is written. */
function declaration(directory: string, written: string, where: string): string {
  const [file = "", part] = written.split(/#(?=[^/#]*$)/);
  if (part === undefined || existsSync(resolve(directory, written)))
    return existing("file", directory, written, where);
  return `${existing("file", directory, file, where)}#${part}`;
}

function existing(kind: "directory" | "file", directory: string, written: string, where: string): string {
  const absolute = resolve(directory, written);
  const shown = absolute === written ? absolute : `${written} (${absolute})`;
  if (!existsSync(absolute)) {
    const hint = written.startsWith("~")
      ? "~ is not expanded here: write the directory out in full"
      : `correct the path; a relative one starts at ${directory}`;
    throw new OperatorError(`${where}: ${shown} does not exist`, hint);
  }
  const isKind = kind === "directory" ? statSync(absolute).isDirectory() : statSync(absolute).isFile();
  if (!isKind) throw new OperatorError(`${where}: ${shown} is no ${kind}`, `name a ${kind}`);
  return absolute;
}
