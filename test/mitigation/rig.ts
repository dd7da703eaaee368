import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { exec } from "../../src/base/exec.ts";
import { PROGRAMS } from "../../src/mitigation/lint.ts";
import { manifestOf } from "../../src/mitigation/manifest.ts";
import type { CloneTrial } from "../../src/mitigation/roundTrip.ts";

/** Small clones on disk, and the two shells under which every script is run, with nothing but the allowed programs in reach. */

export type Files = Record<string, string>;
export type Dirs = { root: string; home: string; workspace: string };

export const SHELLS = ["dash", "busybox"] as const;
export type Shell = (typeof SHELLS)[number];

/** A clone below a directory whose name would break any careless script. */
export function cloneWith(files: Files): Dirs & Disposable {
  const top = mkdtempSync(join(tmpdir(), "weakdoor-mitigation-"));
  const root = join(top, 'it\'s a "clone" $HOME');
  for (const name of ["home", "workspace"]) mkdirSync(join(root, name), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
    chmodSync(join(root, name), 0o640);
  }
  return {
    root,
    home: join(root, "home"),
    workspace: join(root, "workspace"),
    [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }),
  };
}

/** Where /bin is not a link to /usr/bin, the programs are spread over both. */
function placeOf(program: string): string {
  return existsSync(join("/usr/bin", program)) ? "/usr/bin" : "/bin";
}

/** A directory that holds links to the allowed programs and to nothing else: what a script calls beyond them is not found. */
export function toolbox(shell: Shell): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "weakdoor-tools-"));
  for (const program of PROGRAMS)
    symlinkSync(shell === "busybox" ? "/bin/busybox" : join(placeOf(program), program), join(path, program));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export async function runScript(shell: Shell, script: string, dirs: Dirs, args: readonly string[] = []) {
  using tools = toolbox(shell);
  const argv: [string, ...string[]] = shell === "busybox" ? ["/bin/busybox", "sh"] : ["/usr/bin/dash"];
  return await exec([...argv, "-s", "--", "--home", dirs.home, "--workspace", dirs.workspace, ...args], {
    stdin: script,
    env: { PATH: tools.path },
    cwd: dirs.root,
  });
}

export function manifest(dirs: Dirs) {
  return manifestOf({ home: dirs.home, workspace: dirs.workspace });
}

export function trial(name: string, dirs: Dirs, shell: Shell, recheck: CloneTrial["recheck"]): CloneTrial {
  return {
    name,
    home: dirs.home,
    workspace: dirs.workspace,
    runScript: (script, args) => runScript(shell, script, dirs, args),
    recheck,
    manifest: () => manifest(dirs),
  };
}
