import { linkSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hunksOf } from "../../src/mitigation/edit.ts";
import { lintScript } from "../../src/mitigation/lint.ts";
import type { FileChange } from "../../src/mitigation/mitigation.ts";
import { scriptsFor } from "../../src/mitigation/script.ts";
import { cloneWith, type Dirs, manifest, runScript, SHELLS } from "./rig.ts";

const TITLE = { finding: `fp1:${"0123456789abcdef".repeat(4)}`, mitigation: "test.change", title: "A test" };

function change(root: FileChange["root"], path: string, before: string, find: string, text: string): FileChange {
  const start = before.indexOf(find);
  const result = hunksOf(before, [{ start, end: start + find.length, text }]);
  if (result.status === "ambiguous") throw new Error(result.reason);
  return { root, path, hunks: result.hunks, before, after: result.after };
}

const JSON_FILE =
  '{\n  "keep": "it\'s \\"quoted\\" \\\\ $HOME `x`",\n  "socket": "/var/run/docker.sock",\n  "last": "é"\n}';
const TOML_FILE = "mode = 'off'\r\n# no newline at the end";
const CHANGES = [
  change("workspace", "a dir/it's $x.json", JSON_FILE, '  "socket": "/var/run/docker.sock",\n', ""),
  change("home", ".codex/config.toml", TOML_FILE, "'off'", "'on'"),
];
const SCRIPTS = scriptsFor(TITLE, CHANGES);
const FILES = {
  "workspace/a dir/it's $x.json": JSON_FILE,
  "home/.codex/config.toml": TOML_FILE,
  "home/other": "left alone",
};

const contents = (dirs: Dirs) => CHANGES.map((c) => readFileSync(join(dirs[c.root], c.path), "utf8"));

test("what is written is our body and steps, and nothing else", () => {
  expect(lintScript(SCRIPTS.apply, [])).toEqual({ status: "clean" });
  expect(lintScript(SCRIPTS.reverse, [])).toEqual({ status: "clean" });
  expect(SCRIPTS).toMatchObject({ steps: 2, files: ["workspace/a dir/it's $x.json", "home/.codex/config.toml"] });
});

test("the same changes write the same bytes", () => {
  expect(scriptsFor(TITLE, CHANGES)).toEqual(SCRIPTS);
});

describe.each(SHELLS)("under %s, with nothing but the allowed programs in reach", (shell) => {
  test("apply changes what it says, reverse brings back every byte and mode, each also twice", async () => {
    using dirs = cloneWith(FILES);
    const before = await manifest(dirs);
    for (let round = 0; round < 2; round++) {
      expect(await runScript(shell, SCRIPTS.apply, dirs)).toMatchObject({ code: 0 });
      expect(contents(dirs)).toEqual(CHANGES.map((c) => c.after));
    }
    expect(statSync(join(dirs.home, ".codex/config.toml")).mode & 0o777).toBe(0o640);
    for (let round = 0; round < 2; round++) {
      expect(await runScript(shell, SCRIPTS.reverse, dirs)).toMatchObject({ code: 0 });
      expect(await manifest(dirs)).toEqual(before);
    }
  });

  test("after a cut, either script takes over", async () => {
    using dirs = cloneWith(FILES);
    const before = await manifest(dirs);
    await runScript(shell, SCRIPTS.apply, dirs, ["--stop-after", "1"]);
    expect(contents(dirs)).toEqual([CHANGES[0]?.after, CHANGES[1]?.before]);
    expect(await runScript(shell, SCRIPTS.reverse, dirs)).toMatchObject({ code: 0 });
    expect(await manifest(dirs)).toEqual(before);
    await runScript(shell, SCRIPTS.apply, dirs, ["--stop-after", "1"]);
    expect(await runScript(shell, SCRIPTS.apply, dirs)).toMatchObject({ code: 0 });
    expect(contents(dirs)).toEqual(CHANGES.map((c) => c.after));
    await runScript(shell, SCRIPTS.reverse, dirs, ["--stop-after", "1"]);
    expect(contents(dirs)).toEqual([CHANGES[0]?.after, CHANGES[1]?.before]);
    expect(await runScript(shell, SCRIPTS.reverse, dirs)).toMatchObject({ code: 0 });
    expect(await manifest(dirs)).toEqual(before);
  });

  test("what a killed run left beside the file is cleared by the next", async () => {
    using dirs = cloneWith(FILES);
    const before = await manifest(dirs);
    const left = join(dirs.home, ".codex", ".weakdoor-89abcdef");
    await mkdir(left);
    writeFileSync(join(left, "file"), "half");
    expect(await runScript(shell, SCRIPTS.apply, dirs)).toMatchObject({ code: 0 });
    expect(await runScript(shell, SCRIPTS.reverse, dirs)).toMatchObject({ code: 0 });
    expect(await manifest(dirs)).toEqual(before);
  });

  test.each<[string, (dirs: Dirs) => void]>([
    ["drift inside a hunk", (d) => writeFileSync(join(d.home, ".codex/config.toml"), "mode = 'maybe'\r\n")],
    [
      "the text to change twice",
      (d) => writeFileSync(join(d.home, ".codex/config.toml"), `${TOML_FILE}\n${TOML_FILE}`),
    ],
    ["both states at once", (d) => writeFileSync(join(d.home, ".codex/config.toml"), "'off' 'on'")],
    ["an empty file", (d) => writeFileSync(join(d.home, ".codex/config.toml"), "")],
    ["the separator in the file", (d) => writeFileSync(join(d.home, ".codex/config.toml"), `\u0001${TOML_FILE}`)],
    ["no file", (d) => renameSync(join(d.home, ".codex/config.toml"), join(d.home, ".codex/elsewhere"))],
    [
      "a link in place of the file",
      (d) => {
        renameSync(join(d.home, ".codex/config.toml"), join(d.home, "real"));
        symlinkSync("../real", join(d.home, ".codex/config.toml"));
      },
    ],
    [
      "a link on the way",
      (d) => {
        renameSync(join(d.home, ".codex"), join(d.home, "real"));
        symlinkSync("real", join(d.home, ".codex"));
      },
    ],
    ["a second hard link", (d) => linkSync(join(d.home, ".codex/config.toml"), join(d.home, "second"))],
  ])("%s: it refuses with 3 before it has changed anything", async (_, spoil) => {
    using dirs = cloneWith(FILES);
    spoil(dirs);
    const before = await manifest(dirs);
    expect(await runScript(shell, SCRIPTS.apply, dirs)).toMatchObject({ code: 3 });
    expect(await manifest(dirs)).toEqual(before);
  });

  test("drift elsewhere in the file is kept, there and back", async () => {
    using dirs = cloneWith(FILES);
    const file = join(dirs.workspace, "a dir/it's $x.json");
    writeFileSync(file, `// mine\n${JSON_FILE}\n\n`);
    const before = await manifest(dirs);
    expect(await runScript(shell, SCRIPTS.apply, dirs)).toMatchObject({ code: 0 });
    expect(readFileSync(file, "utf8")).toMatch(/^\/\/ mine\n/);
    expect(await runScript(shell, SCRIPTS.reverse, dirs)).toMatchObject({ code: 0 });
    expect(await manifest(dirs)).toEqual(before);
  });

  test("bytes that awk would lose are noticed before the file is replaced", async () => {
    using dirs = cloneWith(FILES);
    writeFileSync(join(dirs.home, ".codex/config.toml"), `${TOML_FILE}\u0000more`);
    const before = await manifest(dirs);
    const { code } = await runScript(shell, SCRIPTS.apply, dirs);
    // mawk keeps a NUL and may go on; who loses it must not replace the file.
    const file = readFileSync(join(dirs.home, ".codex/config.toml"), "utf8");
    expect([`${TOML_FILE}\u0000more`, `${CHANGES[1]?.after}\u0000more`]).toContain(file);
    expect([0, 3, 4]).toContain(code);
    await runScript(shell, SCRIPTS.reverse, dirs);
    expect((await manifest(dirs)).get("home/.codex/config.toml")).toBe(before.get("home/.codex/config.toml"));
  });

  test("without one of its programs it says which, and changes nothing", async () => {
    using dirs = cloneWith(FILES);
    const before = await manifest(dirs);
    const { code, stderr } = await runScript(
      shell,
      SCRIPTS.apply.replace("tool in awk", "tool in no-such-tool awk"),
      dirs,
    );
    expect(code).toBe(2);
    expect(stderr).toContain("no-such-tool");
    expect(await manifest(dirs)).toEqual(before);
  });

  test("--check looks, says the state, and changes nothing", async () => {
    using dirs = cloneWith(FILES);
    const before = await manifest(dirs);
    const { code, stderr } = await runScript(shell, SCRIPTS.apply, dirs, ["--check"]);
    expect(code).toBe(0);
    expect(stderr).toContain("to do");
    expect(await manifest(dirs)).toEqual(before);
  });

  test.each([[["--nonsense"]], [["--stop-after", "x"]], [["--home"]], [["--workspace", "/nowhere/at/all"]]])(
    "wrong use %s is code 2 and changes nothing",
    async (args) => {
      using dirs = cloneWith(FILES);
      const before = await manifest(dirs);
      expect(await runScript(shell, SCRIPTS.apply, dirs, args)).toMatchObject({ code: 2 });
      expect(await manifest(dirs)).toEqual(before);
    },
  );

  test("any text survives being written into a script and run", async () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "'", '"', "\\", "$", "`", "\n", "%", "&", "é", "#", " "),
      maxLength: 24,
    });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (around, from, to) => {
        const before = `${around}<${from}>${around}`;
        const result = hunksOf(before, [
          { start: around.length, end: around.length + from.length + 2, text: `[${to}]` },
        ]);
        if (result.status === "ambiguous") return;
        using dirs = cloneWith({ "workspace/f": before });
        const one: FileChange = { root: "workspace", path: "f", hunks: result.hunks, before, after: result.after };
        const scripts = scriptsFor(TITLE, [one]);
        expect(lintScript(scripts.apply, [])).toEqual({ status: "clean" });
        expect(await runScript(shell, scripts.apply, dirs)).toMatchObject({ code: 0 });
        expect(readFileSync(join(dirs.workspace, "f"), "utf8")).toBe(result.after);
        expect(await runScript(shell, scripts.reverse, dirs)).toMatchObject({ code: 0 });
        expect(readFileSync(join(dirs.workspace, "f"), "utf8")).toBe(before);
      }),
      { numRuns: 15 },
    );
  });
});
