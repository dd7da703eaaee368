import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { STRICT } from "../sandbox.ts";
import { type ContractCase, hold, live, node, shell, withDirectory } from "./fixture.ts";

/** It starts, it does what it is told, and it has what it was given. */
export const RUNNING_CASES: readonly ContractCase[] = [
  {
    name: "the guest says hello with its Node's version, and a task's output and code come back",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker, sandbox, spec }) => {
        const { node: version } = await broker.hello;
        hold(version === process.version, `the guest runs ${version}, the host ${process.version}`);
        const { stdout, stderr, code } = await shell(broker, "echo out; echo err >&2; exit 7");
        hold(
          stdout === "out\n" && stderr === "err\n" && code === 7,
          `got ${JSON.stringify({ stdout, stderr, code })}`,
        );
        hold(sandbox.driver === driver.kind && sandbox.isolation === driver.isolation, "it says another kind");
        hold((await driver.list()).includes(spec.name), `list does not name ${spec.name}`);
      }),
  },
  {
    name: "output is cut at its limit and bytes that are no text do not break the channel",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const odd = await shell(broker, String.raw`printf '\000\377\012\200x'`);
        hold(odd.stdout === "\0\ufffd\n\ufffdx", `odd bytes came as ${JSON.stringify(odd.stdout)}`);
        const long = await shell(broker, "yes | head -c 3000000");
        hold(
          long.isTruncated && long.stdout.length === 65_536,
          `${long.stdout.length} bytes, cut: ${long.isTruncated}`,
        );
      }),
  },
  {
    name: "a task that overstays is killed with what it started",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const argv: [string, ...string[]] = ["/bin/sh", "-c", "trap '' TERM; sleep 4711 & sleep 4711"];
        const task = { env: {}, cwd: "/", stdin: "", timeoutMs: 300, outputBytesMax: 1_000 };
        const { isTimedOut } = await broker.run({ ...task, run: { argv } });
        hold(isTimedOut, "the time-out is not told");
        const { stdout } = await shell(broker, "pgrep -f 'sleep 471[1]' | wc -l");
        hold(stdout.trim() === "0", `${stdout.trim()} of its processes live on`);
      }),
  },
  {
    name: "user and host name are the ones that were asked for, and no descriptor of the host is open inside",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout } = await shell(broker, "id -u; id -g; hostname; sleep 5 & echo $(ls /proc/$!/fd)");
        hold(stdout === "1000\n1000\nsandbox\n0 1 2\n", `got ${JSON.stringify(stdout)}`);
      }),
  },
  {
    name: "no descriptor of the host is open in the first process",
    needs: ["be process 1"],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout } = await shell(broker, "echo $(ls /proc/1/fd)");
        hold(stdout === "0 1 2\n", `got ${JSON.stringify(stdout)}`);
      }),
  },
  {
    name: "a directory and a file are mounted read-only, and a bounded tmpfs, at paths the image does not have",
    needs: [],
    run: (driver, fixture) =>
      withDirectory((directory) => {
        chmodSync(directory, 0o755);
        writeFileSync(join(directory, "given"), "given");
        const mounts = [
          { kind: "bind", source: directory, path: "/opt/deep/down", mode: "ro" },
          { kind: "bind", source: join(directory, "given"), path: "/etc/given", mode: "ro" },
          { kind: "tmpfs", path: "/var/scratch", sizeMiB: 4 },
        ] as const;
        return live(driver, fixture, { mounts, uid: 0, gid: 0 }, async ({ broker }) => {
          const { stdout } = await shell(
            broker,
            `cat /opt/deep/down/given /etc/given; touch /opt/deep/down/x 2>&- || echo ' no'
             echo x 2>&- >>/etc/given || echo no; head -c 8000000 /dev/zero >/var/scratch/x 2>&- || echo full`,
          );
          hold(stdout === "givengiven no\nno\nfull\n", `got ${JSON.stringify(stdout)}`);
        });
      }),
  },
  {
    name: "what is written to a writable mount is seen on the host",
    needs: ["write to mounts as any user"],
    run: (driver, fixture) =>
      withDirectory((directory) => {
        chmodSync(directory, 0o777);
        const mounts = [{ kind: "bind", source: directory, path: "/srv/rw", mode: "rw" }] as const;
        return live(driver, fixture, { mounts }, async ({ broker }) => {
          const { stderr } = await shell(broker, "echo made >/srv/rw/made");
          hold(stderr === "", `writing to it says ${stderr}`);
          hold(readFileSync(join(directory, "made"), "utf8") === "made\n", "the host does not see what was written");
        });
      }),
  },
  {
    name: "the shared root file system is never written to, also when the sandbox's own root is writable",
    needs: [],
    run: async (driver, fixture) => {
      const before = statSync(join(fixture.image.rootfs, "workspace")).mtimeMs;
      const mounts = [{ kind: "tmpfs", path: "/workspace/sub", sizeMiB: 1 }] as const;
      const confinement = { ...STRICT, readOnlyRoot: false };
      await live(driver, fixture, { mounts, confinement }, async ({ broker }) => {
        const { stdout } = await shell(broker, "awk '$2 == \"/\" { print $4 }' /proc/mounts");
        hold(/(^|,)rw(,|$)/m.test(stdout), `the root is mounted ${stdout.trim()}`);
      });
      hold(statSync(join(fixture.image.rootfs, "workspace")).mtimeMs === before, "a mount point was made in it");
    },
  },
  {
    name: "programs inside reach the gateway through the proxy, and it decides",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout, stderr } = await node(
          broker,
          `const told = (answer) => console.log(answer.resume().statusCode);
           const [host, port] = process.env.http_proxy.slice(7).split(":");
           require("http").get("http://a.example/x", told);
           require("http").get({ host, port, path: "http://b.example/x" }, told);`,
        );
        hold(stdout === "403\n403\n", `two requests that are not allowed gave ${JSON.stringify(stdout + stderr)}`);
      }),
  },
];
