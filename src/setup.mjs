/**
 * All set-up, in plain JavaScript, because it runs on whatever Node is there (20 or newer) before any package is.
 *
 *   node src/setup.mjs          what `npm start` needs
 *   node src/setup.mjs --test   what `npm test` needs besides
 *   node src/setup.mjs --scoreboard   the proxies that `npm run scoreboard` and `npm run bench` compare with
 *
 * It says what it will do before it does it, does nothing twice, and asks no network when all is in place.
 * Exit 0 ready, 2 a person must act (one line and a hint).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE = join(ROOT, "node_modules/.bin/node");
const STAMP = join(ROOT, "node_modules/.weakdoor-lock");

/** Debian packages by the program that shows that they are there. */
const TOOLS = [
  { program: "bwrap", package: "bubblewrap", why: "a sandbox without a daemon" },
  { program: "runsc", package: "runsc", why: "gVisor, the researcher's sandbox" },
  {
    program: "busybox",
    package: "busybox-static",
    why: "the root file system of the sandboxes",
    isThere: hasStaticBusybox,
  },
  { program: "git", package: "git", why: "the history of a cloned workspace" },
  {
    program: "ip",
    package: "iproute2",
    why: "the simulated internet around a target that has a network",
    // Nobody else can make one.
    isThere: () => process.getuid?.() !== 0 || isOnPath("ip"),
  },
  { program: "ssh-keygen", package: "openssh-client", why: "signatures of approvals" },
];
const TEST_TOOLS = [
  { program: "dockerd", package: "docker.io", why: "a private engine for the tests of the docker driver" },
  { program: "crun", package: "crun", why: "a runtime that such an engine has under a name of its own" },
  { program: "rootlesskit", package: "rootlesskit", why: "an engine without root, for the same tests" },
  { program: "newuidmap", package: "uidmap", why: "the user ids of that engine" },
  { program: "clamd", package: "clamav-daemon", why: "the scanner that looks at what public sources send" },
  { program: "iptables", package: "iptables", why: "a firewall inside a sandbox whose network is measured" },
  { program: "ipset", package: "ipset", why: "such a firewall holds its addresses in it" },
  { program: "dig", package: "bind9-dnsutils", why: "such a firewall asks with it for them" },
  { program: "jq", package: "jq", why: "such a firewall reads lists of them with it" },
  { program: "ps", package: "procps", why: "a look around from inside such a firewall's room" },
  { program: "socat", package: "socat", why: "srt carries its proxies into its sandbox with it" },
  { program: "rg", package: "ripgrep", why: "srt looks with it for files to protect" },
  { program: "curl", package: "curl", why: "a client of the gateway's tunnels, inside a sandbox" },
  { program: "qemu-system-x86_64", package: "qemu-system-x86", why: "the virtual machines of the qemu driver" },
  { program: "strace", package: "strace", why: "what the probe asks of the kernel, call by call" },
];
const SCOREBOARD_TOOLS = [
  { program: "squid", package: "squid", why: "what gets round other proxies is tried on them, too" },
  { program: "tinyproxy", package: "tinyproxy", why: "another one of these" },
  { program: "mitmdump", package: "mitmproxy", why: "what terminates TLS is measured beside it" },
];

/** Where the qemu driver looks first. */
const KERNEL = "/usr/local/lib/weakdoor/kernel";
const KERNEL_PACKAGE = "linux-image-cloud-amd64";

/** The squid that can end TLS. Debian's two cannot be installed together, so this one is unpacked, for the bench alone. */
const SQUID_OPENSSL = "/usr/local/lib/weakdoor/squid-openssl";

main(process.argv.slice(2));

function main(argv) {
  const isForTests = argv.includes("--test");
  if (process.platform !== "linux") stop("weakdoor runs on Linux only", "use a Linux machine or virtual machine");
  if (Number(process.versions.node.split(".")[0]) < 20)
    stop(`Node ${process.version} is too old`, "install Node 20 or newer");
  installPackages();
  const more = [...(isForTests ? TEST_TOOLS : []), ...(argv.includes("--scoreboard") ? SCOREBOARD_TOOLS : [])];
  installTools([...TOOLS, ...more]);
  if (isForTests) unpackKernel();
  if (argv.includes("--scoreboard")) unpackSquid();
  if (isForTests) installTestAgents();
}

function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (!existsSync(STAMP) || readFileSync(STAMP, "utf8") !== lock) {
    say("installing the npm packages of package-lock.json into node_modules, Node 24 among them");
    installLocked(ROOT, "node");
    writeFileSync(STAMP, lock);
  }
  const version = spawnSync(NODE, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "";
  if (!/^v(2[4-9]|[3-9]\d)\./.test(version)) {
    stop(
      `node_modules/.bin/node is ${version || "not runnable"}, not Node 24`,
      "remove node_modules and start again",
    );
  }
}

function installTools(tools) {
  const missing = tools.filter((tool) => !(tool.isThere ?? (() => isOnPath(tool.program)))());
  if (missing.length === 0) return;
  const names = missing.map((tool) => tool.package);
  const command = `apt-get install -y --no-install-recommends ${names.join(" ")}`;
  for (const tool of missing) say(`missing: ${tool.package} (${tool.why})`);
  if (!isOnPath("apt-get"))
    stop("isolation is missing and there is no apt-get here", `install by hand: ${names.join(" ")}`);
  if (process.getuid?.() !== 0) stop("isolation is missing and only root may install it", `run: sudo ${command}`);
  say(`will run: ${command}`);
  // RUNLEVEL=1 keeps Debian's maintainer scripts from starting a service: nobody asked for a running engine.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  run("apt-get", ["-qq", "update"], "/", env, "ignore");
  const apt = run("apt-get", ["-qq", ...command.split(" ").slice(1)], "/", env, "ignore");
  const still = missing.filter((tool) => !(tool.isThere ?? (() => isOnPath(tool.program)))());
  if (apt !== 0 || still.length > 0)
    stop(`could not install ${still.map((t) => t.package).join(", ")}`, `run: ${command}`);
}

/**
 * A kernel for the guests of virtual machines. Unpacked and not installed: what this machine itself boots stays as it is.
 * Made aside and renamed into place, so that it is whole or not there.
 */
function unpackKernel() {
  if (process.arch !== "x64" || existsSync(KERNEL)) return;
  const byHand = `apt-get download the package that ${KERNEL_PACKAGE} depends on, and dpkg-deb -x it to ${KERNEL}`;
  const depends = () => spawnSync("apt-cache", ["depends", KERNEL_PACKAGE], { encoding: "utf8" }).stdout ?? "";
  if (!depends().includes("Depends:")) run("apt-get", ["-qq", "update"], "/", process.env, "ignore");
  const name = /Depends: (linux-image-\S+)/.exec(depends())?.[1];
  if (name === undefined) stop(`there is no package ${KERNEL_PACKAGE} here`, byHand);
  unpack(name, KERNEL, "the guests' kernel, for the tests of the qemu driver", byHand);
}

function unpackSquid() {
  if (existsSync(SQUID_OPENSSL)) return;
  const byHand = `apt-get download squid-openssl, and dpkg-deb -x it to ${SQUID_OPENSSL}`;
  unpack("squid-openssl", SQUID_OPENSSL, "what terminates TLS is measured beside it", byHand);
}

function unpack(name, directory, why, byHand) {
  say(`will unpack ${name} to ${directory}, which installs nothing (${why})`);
  mkdirSync(dirname(directory), { recursive: true });
  const making = mkdtempSync(`${directory}.`);
  const failure = unpackInto(making, name);
  if (failure === undefined) renameSync(join(making, "unpacked"), directory);
  rmSync(making, { recursive: true, force: true });
  if (failure !== undefined) stop(failure, byHand);
}

/** What went wrong, if anything did. */
function unpackInto(directory, name) {
  const download = ["-qq", "-o", "APT::Sandbox::User=root", "download", name];
  const status = run("apt-get", download, directory, process.env, "ignore");
  const [file] = readdirSync(directory);
  if (status !== 0 || file === undefined) return `could not download ${name}`;
  return run("dpkg-deb", ["-x", file, "unpacked"], directory) === 0 ? undefined : `could not unpack ${name}`;
}

/** Real agent CLIs, so that a test can let them write their own configuration files. */
function installTestAgents() {
  const agents = join(ROOT, "test/agents");
  if (!existsSync(join(agents, "package-lock.json"))) return;
  const lock = createHash("sha256")
    .update(readFileSync(join(agents, "package-lock.json")))
    .digest("hex");
  const stamp = join(agents, "node_modules/.weakdoor-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  say("installing Claude Code, Codex and Gemini CLI below test/agents, for the tests alone");
  installLocked(agents, "@anthropic-ai/claude-code");
  writeFileSync(stamp, lock);
}

/**
 * The versions and hashes of the lock file, and the install script of one package alone: the others need none, and a
 * script of a dependency is code that nobody here has read. Not `npm ci`: that refuses a lock that lacks another
 * platform's optional packages. `--no-save` leaves package.json and the lock as they are.
 */
function installLocked(directory, scripted) {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const installed = run("npm", ["install", "--no-save", "--ignore-scripts", ...quiet], directory);
  const status = installed === 0 ? run("npm", ["rebuild", scripted, ...quiet], directory) : installed;
  if (status !== 0)
    stop(`npm install failed in ${directory}`, "see its message above; a first run needs the npm registry");
}

function hasStaticBusybox() {
  return ["/bin/busybox", "/usr/bin/busybox"].some((path) => existsSync(path) && !isDynamic(path));
}

/** Has the ELF file an interpreter (PT_INTERP)? A static one has none. */
function isDynamic(path) {
  const elf = readFileSync(path);
  const isLittle = elf[5] === 1;
  const u16 = (at) => (isLittle ? elf.readUInt16LE(at) : elf.readUInt16BE(at));
  const u32 = (at) => (isLittle ? elf.readUInt32LE(at) : elf.readUInt32BE(at));
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2) return true;
  const table = Number(isLittle ? elf.readBigUInt64LE(32) : elf.readBigUInt64BE(32));
  for (let i = 0; i < u16(56); i++) if (u32(table + i * u16(54)) === 3) return true;
  return false;
}

function isOnPath(program) {
  const path = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`;
  return path.split(":").some((directory) => directory !== "" && existsSync(join(directory, program)));
}

/** Runs a program with its output on our standard error, so that our own standard output stays a report. */
function run(program, args, cwd, env = process.env, stdout = 2) {
  return spawnSync(program, args, { cwd, env, stdio: ["ignore", stdout, 2] }).status;
}

function say(line) {
  process.stderr.write(`weakdoor: ${line}\n`);
}

function stop(message, hint) {
  process.stderr.write(`weakdoor: ${message}\nhint: ${hint}\n`);
  // oxlint-disable-next-line unicorn/no-process-exit -- this script is a program of its own, and nothing goes on after it says stop
  process.exit(2);
}
