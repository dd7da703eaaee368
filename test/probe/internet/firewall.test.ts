import { afterAll, beforeAll, expect, test } from "vitest";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { findProcesses } from "../../../src/stop/processes.ts";
import { type Bed, internetBed, type Joined } from "../../support/joined.ts";

/** Firewall scripts of the kind that devcontainers bring, run for real around a sandbox whose network ends in our sink. */
let bed: Bed;
beforeAll(async () => {
  bed = await internetBed();
});
afterAll(() => bed.remove());

async function withRoom(use: (room: Joined) => Promise<void>) {
  const room = await bed.open(bubblewrapDriver(bed), {}, { isSigning: true });
  try {
    await use(room);
  } finally {
    await room.end();
  }
}

const GITHUB = `
ranges=$(curl -sS --max-time 30 https://api.github.com/meta)
echo "$ranges" | jq -e '.web and .api and .git' >/dev/null
for range in $(echo "$ranges" | jq -r '(.web + .api + .git) | unique | .[]'); do ipset add -exist allowed "$range"; done`;
const NAMED = `
for name in registry.example api.example; do
  for address in $(dig +short A "$name"); do ipset add -exist allowed "$address"; done
done`;
const CLOSED = `
iptables -P INPUT DROP
iptables -P FORWARD DROP
iptables -P OUTPUT DROP
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A OUTPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A OUTPUT -m set --match-set allowed dst -j ACCEPT
iptables -A OUTPUT -j REJECT --reject-with icmp-admin-prohibited`;
const CHECKED = `
if curl -sS --max-time 30 https://unlisted.example >/dev/null 2>&1; then echo "unlisted.example is reached" >&2; exit 1; fi
curl -sS --max-time 30 https://api.github.com/zen >/dev/null`;
const DNS = { own: "-d 192.0.2.1 ", any: "" };

function scriptOf({ dns, closed6 }: { dns: keyof typeof DNS; closed6: boolean }): string {
  return `#!/bin/bash
set -euo pipefail
iptables -F
ipset create allowed hash:net
sudo iptables -A OUTPUT -o lo -j ACCEPT
iptables -A INPUT -i lo -j ACCEPT
iptables -A OUTPUT -p udp --dport 53 ${DNS[dns]}-j ACCEPT
iptables -A INPUT -p udp --sport 53 -j ACCEPT${GITHUB}${NAMED}${CLOSED}
${closed6 ? "ip6tables -A OUTPUT -o lo -j ACCEPT\nip6tables -P INPUT DROP\nip6tables -P OUTPUT DROP" : ""}${CHECKED}
`;
}

const ASKED = ["api.github.com", "registry.example", "api.example", "unlisted.example"];

const RAW = [
  "outbound-tcp:address:443",
  "outbound-tcp:address:22",
  "outbound-tcp:name:443",
  "outbound-tcp:private:10.20",
  "outbound-other:udp:443",
  "metadata-responder:link-local",
  "host-gateway:gateway:8080",
  "neighbour:5432",
];

test("a firewall that holds denies every address but those of the names that it was made for", async () => {
  await withRoom(async (room) => {
    expect(await room.raise(scriptOf({ dns: "own", closed6: true }))).toEqual({ status: "raised" });
    const { names } = await room.standing().told();
    expect(Object.keys(names)).toEqual(expect.arrayContaining([...ASKED, "github.com"]));
    expect(new Set(Object.values(names)).size).toBe(Object.keys(names).length);
    const rows = await room.rows({}, ASKED);
    for (const id of [...RAW, "outbound-tcp:asked:unlisted.example"])
      expect(rows.get(id), id).toMatchObject({ verdict: "denied", control: "control:sink" });
    for (const id of ["dns-resolution:foreign", "outbound-other:ipv6-tcp:443", "outbound-other:ipv6-udp:443"])
      expect(rows.get(id)?.verdict, id).toBe("denied");
    for (const name of ["api.github.com", "registry.example", "api.example"])
      expect(rows.get(`outbound-tcp:asked:${name}`)?.verdict, name).toBe("reachable");
    // One that it must let through serves what strangers put there.
    expect(rows.get("relay:api.github.com")?.verdict).toBe("reachable");
    // Its own resolver asks on, and that is a way out of every such firewall.
    expect(rows.get("dns-channel:out")?.verdict).toBe("reachable");
  });
});

test("one that forgets IPv6, and lets anybody be asked for names, is seen to do so and nothing else", async () => {
  await withRoom(async (room) => {
    expect(await room.raise(scriptOf({ dns: "any", closed6: false }))).toEqual({ status: "raised" });
    const rows = await room.rows({}, ASKED);
    for (const id of ["dns-resolution:foreign", "dns-resolution:foreign-ipv6", "outbound-other:ipv6-tcp:443"])
      expect(rows.get(id)?.verdict, id).toBe("reachable");
    for (const id of RAW) expect(rows.get(id)?.verdict, id).toBe("denied");
  });
});

test("a script that gives up, cannot be run or does not end is none that stands, and its room is gone", async () => {
  await withRoom(async (room) => {
    expect(await room.raise("#!/bin/bash\niptables -P OUTPUT DROP\necho no list >&2\nexit 3\n")).toEqual({
      status: "failed",
      reason: "init-firewall.sh ended with code 3: no list",
    });
    expect(await room.raise("no-such-tool --now\n")).toMatchObject({
      status: "failed",
      reason: expect.stringContaining("code 127"),
    });
    expect(await room.raise("#!/bin/sh\nsleep 600 & sleep 600\n", { timeoutMs: 1_000 })).toEqual({
      status: "failed",
      reason: "init-firewall.sh was not done after 1 s",
    });
    await expect
      .poll(() =>
        findProcesses(
          ({ commandLine }) => commandLine.includes("init-firewall.sh") && commandLine.includes(room.sandbox.name),
        ),
      )
      .toEqual([]);
  });
});

test("the script has the target's network and rights over that alone: no file of the machine's, no setting of its kernel", async () => {
  await withRoom(async (room) => {
    const script = `#!/bin/sh
set -e
ip -o link show eth0 >/dev/null
! ls /etc/shadow /root /home /usr/local/lib /sys 2>/dev/null
! (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null
! (echo x >/usr/bin/wd-x) 2>/dev/null
! mount -t tmpfs none /tmp 2>/dev/null
test "$(ps ax | wc -l)" -lt 10
test "$(grep CapEff /proc/self/status | tr -d '\\t')" = CapEff:0000000000003002
test "$(grep Seccomp: /proc/self/status | tr -d '\\t')" = Seccomp:2
`;
    expect(await room.raise(script)).toEqual({ status: "raised" });
  });
});
