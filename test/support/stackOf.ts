import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type SmallStack = {
  directory: string;
  home: string;
  workspace: string;
  config: string;
  state: string;
  reports: string;
  /** What `run` takes to study it, with nothing outside `directory`. */
  args: string[];
  remove(): void;
};

/** The smallest stack there is, in a directory of its own: no agent, one file, no sandbox declared. `yaml` is added to its configuration. */
export function stackOf(label: string, yaml = ""): SmallStack {
  const directory = mkdtempSync(join(tmpdir(), `wd-${label}-`));
  const [home, workspace, state, reports] = ["home", "workspace", "state", "reports"].map((name) =>
    join(directory, name),
  ) as [string, string, string, string];
  mkdirSync(home);
  mkdirSync(workspace);
  writeFileSync(join(workspace, "README.md"), "# Small\n");
  const config = join(directory, "weakdoor.yaml");
  const stack =
    "version: 1\nstack: { name: small, home: home, workspace: workspace }\ntarget: { declaredBy: none }\n";
  writeFileSync(config, stack + yaml);
  return {
    directory,
    home,
    workspace,
    config,
    state,
    reports,
    args: ["--config", config, "--state", state, "--reports", reports],
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What a person must put right is one line and one hint on standard error, and nothing else. */
export const CLEAR_LINE = /^weakdoor: [^\n]+\nhint: [^\n]+\n$/;
