import { lstatSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { loadConfig } from "../config/config.ts";
import { readEnvironment } from "../config/env.ts";
import { CONFIG_NAME } from "../config/name.ts";
import { declarationsOf } from "../stack/declared.ts";
import { discover } from "../stack/discover.ts";
import { foundLines, initialConfig } from "../stack/initialConfig.ts";
import { EXIT, flag, text, type Verb } from "./verb.ts";

/** Looks for agents in a home and a workspace and writes a first weakdoor.yaml. Changes nothing else. */
export const verb: Verb = {
  name: "init",
  summary: "find the agents of a home and a workspace, and write weakdoor.yaml",
  usage: "init [--home DIR] [--workspace DIR] [--out FILE] [--force]",
  options: {
    home: { type: "string" },
    workspace: { type: "string" },
    out: { type: "string" },
    force: { type: "boolean" },
  },
  async run({ values, positionals, io, cwd }) {
    if (positionals.length > 0) {
      throw new OperatorError(
        `init takes no argument, and got ${positionals[0]}`,
        "name directories with --home and --workspace",
      );
    }
    const home = text(values, "home") ?? readEnvironment().home;
    if (home === undefined) throw new OperatorError("HOME is not set", "name the agents' home with --home DIR");
    const roots = {
      home: directory("--home", resolve(cwd, home)),
      workspace: directory("--workspace", resolve(cwd, text(values, "workspace") ?? ".")),
    };
    const out = resolve(cwd, text(values, "out") ?? CONFIG_NAME);
    if (!flag(values, "force") && isThere(out)) {
      throw new OperatorError(
        `${out} is there already`,
        "write to another file with --out, or replace it with --force",
      );
    }
    const found = await discover(roots);
    io.out(`found in ${roots.home} (home) and ${roots.workspace} (workspace):`);
    for (const line of foundLines(found)) io.out(`  ${line}`);
    write(out, initialConfig(found, await declarationsOf(roots), roots, dirname(out)));
    await loadConfig(out);
    io.out(`wrote ${out}`);
    io.out("next: read it, then weakdoor run");
    return EXIT.nothingNew;
  },
};

function directory(option: string, path: string): string {
  try {
    if (statSync(path).isDirectory()) return path;
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    throw new OperatorError(
      `${option}: ${path} cannot be looked at (${errnoOf(thrown)})`,
      "name a directory that is there",
      {
        cause: thrown,
      },
    );
  }
  throw new OperatorError(`${option}: ${path} is no directory`, "name a directory");
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function write(path: string, content: string): void {
  try {
    writeDurably(path, content, 0o644);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === undefined) throw thrown;
    throw new OperatorError(`${path} cannot be written (${errno})`, "write to another file with --out", {
      cause: thrown,
    });
  }
}
