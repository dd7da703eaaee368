import { expect, test } from "vitest";
import { mayRunThirdParty, weaknessesOf } from "../../src/cycle/weakGround.ts";
import { ISOLATIONS } from "../../src/sandbox/sandbox.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { tree } from "../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/desk" };

async function weaknesses(line: string): Promise<string[]> {
  await using place = tree({ "workspace/run.sh": line });
  return weaknessesOf(await readDeclared(place, "workspace/run.sh", original));
}

test.each([
  ["--cap-add=SYS_PTRACE", ["added CAP_SYS_PTRACE"]],
  ["--security-opt seccomp=unconfined", ["no seccomp filter"]],
  ["--security-opt apparmor=unconfined", ["AppArmor unconfined"]],
  ["--security-opt label=disable", ["SELinux labels disabled"]],
  ["--security-opt systempaths=unconfined", ["kernel files unmasked"]],
  ["--pid=host", ["the host's pid namespace"]],
  ["--ipc=host", ["the host's ipc namespace"]],
  ["--net=host", ["the host's network namespace"]],
  ["--uts=host", ["the host's uts namespace"]],
  ["--userns=host", ["the host's userns namespace"]],
  ["--cgroupns=host", ["the host's cgroupns namespace"]],
  ["--device=/dev/kvm", ["the host's device /dev/kvm"]],
  ["--gpus all", ["the host's device gpus all"]],
  ["--cap-add=CHOWN --cap-drop=MKNOD", []],
  ["-v /var/run/docker.sock:/d.sock", []],
])("docker run %s is weak ground by these names: %j", async (flags, names) => {
  expect(await weaknesses(`docker run ${flags} img`)).toEqual(names);
});

test("a privileged container is all of it, and no sandbox is one thing", async () => {
  const privileged = await weaknesses("docker run --privileged img");
  expect(privileged).toEqual(expect.arrayContaining(["added CAP_SYS_ADMIN", "no seccomp filter", "privileged"]));
  await using place = tree();
  expect(weaknessesOf(await readDeclared(place, "none"))).toEqual(["no sandbox is declared"]);
});

test("bwrap is as weak as what its line leaves out", async () => {
  expect(await weaknesses("bwrap --unshare-all --seccomp 9 sh")).toEqual([]);
  expect(await weaknesses("bwrap --unshare-all --share-net --seccomp 9 sh")).toEqual([
    "the host's network namespace",
  ]);
  expect(await weaknesses("bwrap --unshare-all sh")).toEqual(["no seccomp filter"]);
});

test.each(ISOLATIONS)("on sound ground third-party code may run, also in a %s", (isolation) => {
  expect(mayRunThirdParty({ weakGround: [], isolation }).verdict).toBe("allowed");
});

test.each([
  ["container", "refused", /on the host's own kernel: only our own probe and drills run$/],
  ["gvisor", "allowed", /inside gvisor$/],
  ["microvm", "allowed", /inside microvm$/],
] as const)("on weak ground in a %s it is %s, and the reason names the weakness", (isolation, verdict, reason) => {
  const answer = mayRunThirdParty({ weakGround: ["privileged"], isolation });
  expect(answer.verdict).toBe(verdict);
  expect(answer.reason).toMatch(reason);
  expect(answer.reason).toContain("privileged");
});

test("settings with which srt itself confines less are weak ground, and its ordinary ones are not", async () => {
  await using place = tree();
  const declared = await readDeclared(place, "none");
  const srt = { ...declared, kind: "srt" as const, seccomp: "default" as const, loosened: [], resources: [] };
  expect(weaknessesOf({ ...srt, settings: { filesystem: { allowWrite: ["."] } } })).toEqual([]);
  expect(weaknessesOf({ ...srt, settings: { enableWeakerNestedSandbox: true } })).toEqual([
    "enableWeakerNestedSandbox: srt mounts no /proc of the sandbox's own",
  ]);
});
