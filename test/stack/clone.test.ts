import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError, Stopped } from "../../src/base/errors.ts";
import type { FakeMaker } from "../../src/canaries/canaries.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { loadMasterKey } from "../../src/canaries/key.ts";
import { cloneStack, cloneWorkspace } from "../../src/stack/clone.ts";
import { CloneNotClean } from "../../src/stack/strip/proof.ts";

const clock = { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 };
const SECRET = "Zr7-4f9a2b_c81d";
let scratch: string;
let dir: string;
let out: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "weakdoor-clone-"));
  dir = join(scratch, "stack");
  out = join(scratch, "out");
  mkdirSync(dir);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const maker = () => fakeMaker({ masterKey: Buffer.alloc(32, 3), cycle: "c1", clock });
const clone = (fakes: FakeMaker = maker(), signal = AbortSignal.timeout(30_000), fileBytesMax?: number) =>
  cloneWorkspace(dir, { out, fakes, cycle: "c1", signal, ...(fileBytesMax === undefined ? {} : { fileBytesMax }) });
const reasons = (skipped: { file: string; reason: string }[]) =>
  Object.fromEntries(skipped.map((row) => [row.file, row.reason]));

test("a link inside stays a link, relative and resolved; one that leads out, one to nothing and a loop are skipped", async () => {
  mkdirSync(join(dir, "sub"));
  writeFileSync(join(dir, "sub/file.txt"), "text\n");
  symlinkSync("sub/file.txt", join(dir, "inside"));
  symlinkSync(join(dir, "sub"), join(dir, "absolute"));
  symlinkSync("../../..", join(dir, "sub/up"));
  symlinkSync("/etc/hostname", join(dir, "out-of-tree"));
  symlinkSync("nowhere", join(dir, "dangling"));
  symlinkSync("loop", join(dir, "loop"));
  symlinkSync("..", join(dir, "sub/parent"));
  const made = await clone();
  expect(readlinkSync(join(made.workspace, "inside"))).toBe("sub/file.txt");
  expect(readlinkSync(join(made.workspace, "absolute"))).toBe("sub");
  expect(readlinkSync(join(made.workspace, "sub/parent"))).toBe("..");
  expect(reasons(made.skipped)).toEqual({
    "workspace/dangling": "a link that leads nowhere, or gone while it was copied",
    "workspace/loop": "a loop of links, or became a link while it was copied",
    "workspace/out-of-tree": "a link that leads out of the tree",
    "workspace/sub/up": "a link that leads out of the tree",
  });
});

test("a FIFO, a socket, a device and a file of 2 GB are named and never read", async () => {
  execFileSync("mkfifo", [join(dir, "fifo")]);
  writeFileSync(join(dir, "huge.txt"), "");
  truncateSync(join(dir, "huge.txt"), 2 ** 31);
  const server = createServer().listen(join(dir, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  const started = performance.now();
  const made = await clone();
  server.close();
  expect(performance.now() - started).toBeLessThan(3000);
  expect(readdirSync(made.workspace)).toEqual([]);
  expect(reasons(made.skipped)).toEqual({
    "workspace/fifo": "a socket, device or FIFO",
    "workspace/huge.txt": "larger than 5242880 bytes",
    "workspace/socket": "a socket, device or FIFO",
  });
});

test("binary files, databases, packages and names that are no UTF-8 are skipped with their reason", async () => {
  writeFileSync(join(dir, "blob.dat"), Buffer.from([1, 0, 2]));
  writeFileSync(join(dir, "state.vscdb"), "SQLite format 3");
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff, 0xfe])]), "x");
  mkdirSync(join(dir, "node_modules/x"), { recursive: true });
  const made = await clone();
  expect(reasons(made.skipped)).toEqual({
    workspace: "1 of its names are not UTF-8",
    "workspace/blob.dat": "binary, which cannot be stripped",
    "workspace/node_modules": "made from the rest: build output or packages",
    "workspace/state.vscdb": "a binary or a database, which cannot be stripped",
  });
});

test("a compressed bomb in base64 is skipped, since nobody can prove it clean", async () => {
  writeFileSync(join(dir, ".env"), `DB_PASSWORD=${SECRET}\n`);
  writeFileSync(join(dir, "bomb.txt"), gzipSync(Buffer.alloc(100_000_000)).toString("base64"));
  const made = await clone();
  expect(readdirSync(made.workspace)).toEqual([".env"]);
  expect(made.skipped).toMatchObject([{ file: "workspace/bomb.txt" }]);
});

test("modes are kept without setuid, and byte order marks, CRLF and UTF-16 too", async () => {
  writeFileSync(join(dir, "run.sh"), "#!/bin/sh\n");
  chmodSync(join(dir, "run.sh"), 0o4755);
  writeFileSync(join(dir, "a.json"), `\ufeff{"password":"${SECRET}"}\r\n`);
  writeFileSync(join(dir, "wide.env"), Buffer.from(`\ufeffDB_PASSWORD=${SECRET}\r\n`, "utf16le"));
  const made = await clone();
  expect(statSync(join(made.workspace, "run.sh")).mode & 0o7777).toBe(0o755);
  expect(readFileSync(join(made.workspace, "a.json"), "utf8")).toMatch(
    /^\ufeff\{"password":"Z?[A-Z][a-z]\d-.{6}_.{4}"\}\r\n$/,
  );
  const wide = readFileSync(join(made.workspace, "wide.env"));
  expect(wide.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xfe]));
  expect(wide.toString("utf16le")).toMatch(/^\ufeffDB_PASSWORD=.{15}\r\n$/);
  expect(wide.toString("utf16le")).not.toContain(SECRET);
});

test("history is made anew: a credential that was committed and deleted is in no object, and no hook of the original runs", async () => {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@b.invalid", ...args], {
      encoding: "utf8",
    });
  git("init", "-q", "-b", "trunk");
  writeFileSync(join(dir, "old.env"), `API_TOKEN=${SECRET}\n`);
  git("add", ".");
  git("commit", "-q", "-m", "one");
  rmSync(join(dir, "old.env"));
  writeFileSync(join(dir, "readme.md"), "hello\n");
  git("add", "-A");
  git("commit", "-q", "-m", "two");
  git("remote", "add", "origin", `https://me:${SECRET}@git.example.invalid/x.git`);
  writeFileSync(join(dir, ".git/hooks/post-commit"), `#!/bin/sh\ntouch ${scratch}/ran\n`, { mode: 0o755 });
  git("config", "filter.evil.clean", `touch ${scratch}/ran; cat`);
  writeFileSync(join(dir, ".gitattributes"), "* filter=evil\n");
  const made = await clone();
  const inClone = (...args: string[]) =>
    execFileSync("git", ["-C", made.workspace, ...args], {
      encoding: "utf8",
      env: { PATH: process.env.PATH ?? "", HOME: scratch },
    });
  expect(existsSync(join(scratch, "ran"))).toBe(false);
  expect(inClone("log", "--format=%s", "--all").trim()).toBe("Initial commit");
  expect(inClone("branch", "--show-current").trim()).toBe("trunk");
  expect(inClone("config", "remote.origin.url")).toMatch(/^https:\/\/me:.{15}@git/);
  expect(inClone("cat-file", "--batch", "--batch-all-objects")).not.toContain(SECRET);
}, 20_000);

test("a home gives only what the list allows, and a linked file only when its end is in it", async () => {
  const home = join(scratch, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true });
  mkdirSync(join(home, "Documents"));
  writeFileSync(join(home, "Documents/diary.txt"), "private\n");
  writeFileSync(join(home, ".ssh/config"), "Host x\n");
  writeFileSync(join(home, ".netrc"), `machine x login y password ${SECRET}\n`);
  mkdirSync(join(home, ".config/tool"), { recursive: true });
  writeFileSync(join(home, ".config/tool/a.json"), "{}");
  writeFileSync(join(home, ".config/tool/b.txt"), "no");
  symlinkSync("Documents/diary.txt", join(home, ".gitconfig"));
  const place = {
    name: "s",
    home,
    workspace: dir,
    agents: ["claude-code" as const],
    include: ["home/.config/tool/*.json"],
  };
  const made = await cloneStack(place, { out, fakes: maker(), cycle: "c1", signal: AbortSignal.timeout(10_000) });
  expect(
    readdirSync(made.home, { recursive: true, encoding: "utf8" }).toSorted((a, b) => a.localeCompare(b)),
  ).toEqual([".config", ".config/tool", ".config/tool/a.json", ".netrc", ".ssh", ".ssh/config"]);
  expect(made.skipped).toEqual([{ file: "home/.gitconfig", reason: "a link to something that is not copied" }]);
  expect(made.replaced).toMatchObject([{ file: "home/.netrc", kind: "password", by: "structure" }]);
  expect(JSON.stringify(made)).not.toContain(SECRET);
});

test("weakdoor's own key and registry are never cloned", async () => {
  loadMasterKey(join(dir, "somewhere"));
  const made = await clone();
  expect(readdirSync(made.workspace, { recursive: true })).toEqual(["somewhere"]);
  expect(made.skipped).toMatchObject([{ file: "workspace/somewhere" }]);
});

test("a leak stops the clone, names file and kind and not the value, and leaves nothing", async () => {
  writeFileSync(join(dir, ".env"), `DB_PASSWORD=${SECRET}\n`);
  // A maker that gives back what it got stands for a stripper that does not strip.
  const broken: FakeMaker = {
    all: () => [],
    fakeFor: (original, kind, place) => ({ ...place, id: "fk-0000000000", kind, value: `x${original}` }),
  };
  const thrown = await clone(broken).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(CloneNotClean);
  expect(thrown).toMatchObject({ file: "workspace/.env", kind: "password" });
  expect(String(thrown)).not.toContain(SECRET);
  expect(existsSync(out)).toBe(false);
});

test("an abort in the middle throws its reason and leaves nothing", async () => {
  for (let i = 0; i < 50; i++) writeFileSync(join(dir, `f${i}.txt`), "text\n".repeat(20_000));
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Stopped("a test")), 30);
  await expect(clone(maker(), stop.signal)).rejects.toThrow(Stopped);
  expect(existsSync(out)).toBe(false);
});

test.each([
  ["a directory that is not there", () => rmSync(dir, { recursive: true }), /not a directory/],
  ["an out that is not empty", () => mkdirSync(join(out, "x"), { recursive: true }), /not empty/],
  ["an out inside what is cloned", () => (out = join(dir, "clone")), /inside/],
  ["an out that is what is cloned", () => (out = dir), /inside/],
])("%s is the operator's to put right", async (_name, arrange, message) => {
  arrange();
  await expect(clone()).rejects.toThrow(message);
  await expect(clone()).rejects.toBeInstanceOf(OperatorError);
});

test("a full disk is the operator's to put right, and nothing half-made is left", async () => {
  const small = join(scratch, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
  try {
    writeFileSync(join(dir, "big.txt"), "text\n".repeat(50_000));
    out = join(small, "out");
    await expect(clone()).rejects.toThrow(/full disk/);
    expect(readdirSync(small)).toEqual([]);
  } finally {
    execFileSync("umount", [small]);
  }
});

test("files that this user may not read are named", async () => {
  writeFileSync(join(dir, "mine.txt"), "x\n");
  writeFileSync(join(dir, "locked.txt"), "x\n");
  chmodSync(join(dir, "locked.txt"), 0);
  chmodSync(scratch, 0o755);
  // Loaded before the rights go: the checkout may lie where only root may look.
  const script = `const{gather}=await import(${JSON.stringify(join(import.meta.dirname, "../../src/stack/copy.ts"))});
    process.setgid(65534);process.setuid(65534);
    const g=await gather([{name:"workspace",path:${JSON.stringify(dir)},allowed:undefined,included:[]}],{fileBytesMax:1e6,totalBytesMax:1e7,entriesMax:100},new AbortController().signal);
    console.log(JSON.stringify([g.entries.map(e=>e.file),g.skipped]))`;
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: "/",
  });
  expect(JSON.parse(printed)).toEqual([
    ["workspace", "workspace/mine.txt"],
    [{ file: "workspace/locked.txt", reason: "not readable by this user" }],
  ]);
  expect(lstatSync(dir).isDirectory()).toBe(true);
});
