import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readDeclared } from "../../../src/stack/declared.ts";
import type { Declared } from "../../../src/stack/stack.ts";
import { tree } from "../../support/tree.ts";

/**
 * Nothing of a declaration goes away without a word: with one more directive the answer is another one, in its effect or in
 * its rows. What is asked for is drawn at random; so is a key or a flag that nobody has heard of.
 */

const original = { home: "/home/dev", workspace: "/home/dev/code/desk" };

async function read(file: string, content: unknown, by = file): Promise<Declared> {
  await using place = tree({ [file]: content });
  return await readDeclared(place, by, original);
}

const word = fc.stringMatching(/^[a-z]{3,9}$/);
const unheardOf = word.map((name) => `zz-${name}`);

/** A key of a service and its value, none of which says what is so without it. */
const composeKey: fc.Arbitrary<[string, unknown]> = fc.oneof(
  fc.tuple(unheardOf, word),
  fc.tuple(fc.constant("cap_add"), fc.constantFrom(["SYS_PTRACE"], ["ALL"], ["NONSENSE"], "SYS_ADMIN", [1])),
  fc.tuple(fc.constant("cap_drop"), fc.constantFrom(["CHOWN"], ["all"])),
  fc.tuple(fc.constantFrom("pid", "ipc", "uts", "userns_mode", "cgroup"), fc.constantFrom("host", "service:db")),
  fc.tuple(fc.constantFrom("network_mode"), fc.constantFrom("host", "none", "bridge")),
  fc.tuple(
    fc.constantFrom("volumes"),
    fc.array(fc.constantFrom("/srv/a:/a", "v:/v", "$X:/x", "a:b:c:d", 1), { minLength: 1 }),
  ),
  fc.tuple(
    fc.constantFrom("devices", "tmpfs", "secrets", "configs", "env_file", "group_add", "ports", "networks", "labels"),
    fc.array(fc.constantFrom("/dev/kvm", "/x", "name"), { minLength: 1 }),
  ),
  fc.tuple(fc.constantFrom("mem_limit", "cpus", "pids_limit"), fc.constantFrom(7, "7", "much")),
  fc.tuple(fc.constantFrom("privileged", "read_only", "use_api_socket"), fc.constant(true)),
  fc.tuple(
    fc.constantFrom("image", "command", "entrypoint", "hostname", "restart", "gpus", "runtime", "deploy"),
    word,
  ),
  fc.tuple(
    fc.constant("environment"),
    fc.dictionary(word, fc.constantFrom("a", null, 1), { minKeys: 1, maxKeys: 3 }),
  ),
  fc.tuple(
    fc.constant("security_opt"),
    fc.constantFrom(["seccomp=unconfined"], ["seccomp=./f.json"], ["apparmor=x"], ["no-new-privileges"], ["zz"]),
  ),
);

test("a key of a compose service", async () => {
  const base = JSON.stringify(await read("workspace/compose.yaml", '{"services":{"a":{}}}'));
  await fc.assert(
    fc.asyncProperty(composeKey, async ([key, value]) => {
      const text = JSON.stringify({ services: { a: { [key]: value } } });
      expect(JSON.stringify(await read("workspace/compose.yaml", text)), text).not.toBe(base);
    }),
    { numRuns: 150 },
  );
});

const DOCKER = [
  "--privileged",
  "--read-only",
  "--rm",
  "-it",
  "--pid=host",
  "--network none",
  "--net=host",
  "--cap-add ALL",
  "--cap-drop=CHOWN",
  "--cap-add wrong",
  "-v /srv/x:/x",
  "-v x:/x",
  "--mount type=bind,source=/a,target=/b",
  "--mount nonsense",
  "--tmpfs /t",
  "--device /dev/fuse",
  "--device nonsense",
  "-e A=1",
  "-e A",
  "--env-file f",
  "-u 1:1",
  "-w /w",
  "-m 64m",
  "--cpus 1",
  "--pids-limit 9",
  "--runtime runsc",
  "--security-opt zz",
  "--gpus all",
  "--shm-size 1g",
  "--group-add docker",
  "-p 1:1",
  "-P",
  "-Q",
];

test("a flag of docker run", async () => {
  const base = JSON.stringify(await read("workspace/run.sh", "docker run img"));
  const flag = fc.oneof(
    fc.constantFrom(...DOCKER),
    unheardOf.map((name) => `--${name}=1`),
  );
  await fc.assert(
    fc.asyncProperty(flag, async (each) => {
      expect(JSON.stringify(await read("workspace/run.sh", `docker run ${each} img`)), each).not.toBe(base);
    }),
    { numRuns: 80 },
  );
});

const BWRAP = [
  "--unshare-pid",
  "--unshare-all",
  "--unshare-net",
  "--ro-bind / /",
  "--bind /srv /srv",
  "--bind-try $X /x",
  "--ro-bind /usr /usr",
  "--dev-bind /dev/kvm /dev/kvm",
  "--tmpfs /x",
  "--dir /x",
  "--proc /other",
  "--symlink a /b",
  "--setenv A 1",
  "--clearenv",
  "--uid 7",
  "--gid 7",
  "--uid seven",
  "--chdir /x",
  "--cap-add ALL",
  "--cap-add nonsense",
  "--seccomp 4",
  "--args 4",
  "--hostname h",
  "--file 4 /x",
  "--perms 0700",
  "--remount-ro /x",
  "--overlay a b /c",
  "--userns 4",
  "--exec-label x",
];

test("an option of bwrap", async () => {
  const base = JSON.stringify(await read("workspace/run.sh", "bwrap sh"));
  const option = fc.oneof(
    fc.constantFrom(...BWRAP),
    unheardOf.map((name) => `--${name}`),
  );
  await fc.assert(
    fc.asyncProperty(option, async (each) => {
      expect(JSON.stringify(await read("workspace/run.sh", `bwrap ${each} sh`)), each).not.toBe(base);
    }),
    { numRuns: 80 },
  );
});

test("a setting of srt", async () => {
  const base = JSON.stringify({ ...(await read("workspace/srt.json", { network: {} })), settings: {} });
  const setting = fc.oneof(
    fc.tuple(unheardOf, word).map(([key, value]) => ({ [key]: value })),
    fc.tuple(unheardOf, word).map(([key, value]) => ({ network: { [key]: value } })),
    fc.tuple(unheardOf, word).map(([key, value]) => ({ filesystem: { [key]: value } })),
    fc
      .constantFrom("allowWrite", "denyRead", "denyWrite", "allowRead")
      .chain((key) =>
        fc.constantFrom(["/srv/x"], ["*"], [1], "/x").map((value) => ({ filesystem: { [key]: value } })),
      ),
    fc.constantFrom("allowedDomains", "deniedDomains", "allowUnixSockets", "httpProxyPort").map((key) => ({
      network: { [key]: ["a.example"] },
    })),
  );
  await fc.assert(
    fc.asyncProperty(setting, async (each) => {
      const found = await read("workspace/srt.json", { network: {}, ...each });
      expect(JSON.stringify({ ...found, settings: {} }), JSON.stringify(each)).not.toBe(base);
    }),
    { numRuns: 80 },
  );
});

test("a key of a devcontainer.json", async () => {
  const base = JSON.stringify(await read("workspace/.devcontainer.json", {}));
  const key: fc.Arbitrary<[string, unknown]> = fc.oneof(
    fc.tuple(unheardOf, word),
    fc.tuple(fc.constantFrom("mounts", "capAdd", "securityOpt", "runArgs"), fc.constantFrom(["zz"], "zz", [1], {})),
    fc.tuple(fc.constantFrom("containerEnv", "remoteEnv"), fc.constantFrom({ A: "1" }, { A: 1 }, "A=1")),
    fc.tuple(fc.constantFrom("image", "features", "postCreateCommand", "forwardPorts", "customizations"), word),
  );
  await fc.assert(
    fc.asyncProperty(key, async ([name, value]) => {
      const each = { [name]: value };
      expect(JSON.stringify(await read("workspace/.devcontainer.json", each)), JSON.stringify(each)).not.toBe(base);
    }),
    { numRuns: 80 },
  );
});
