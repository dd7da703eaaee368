import * as fc from "fast-check";
import { expect, test } from "vitest";
import { classifyAddress } from "../../src/egress/addresses.ts";

test.each(["1.1.1.1", "9.9.9.9", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"])(
  "%s is global unicast",
  (address) => {
    expect(classifyAddress(address)).toEqual({ verdict: "global" });
  },
);

test.each([
  ["10.0.0.1", "private"],
  ["172.16.0.1", "private"],
  ["192.168.1.1", "private"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.255", "loopback"],
  ["::1", "loopback"],
  ["169.254.169.254", "link-local"],
  ["fe80::1", "link-local"],
  ["100.64.0.1", "cgnat"],
  ["224.0.0.1", "multicast"],
  ["ff02::1", "multicast"],
  ["fc00::1", "unique-local"],
  ["fd00:ec2::254", "unique-local"],
  ["0.0.0.0", "unspecified"],
  ["::", "unspecified"],
  ["255.255.255.255", "broadcast"],
  ["192.0.2.1", "reserved"],
  ["198.18.0.1", "reserved"],
  ["240.0.0.1", "reserved"],
  ["2001:db8::1", "reserved"],
  ["::ffff:127.0.0.1", "ipv4-in-ipv6"],
  ["::ffff:1.1.1.1", "ipv4-in-ipv6"],
  ["::127.0.0.1", "ipv4-in-ipv6"],
  ["::ffff:0:1.1.1.1", "ipv4-translated"],
  ["64:ff9b::7f00:1", "nat64"],
  ["64:ff9b::101:101", "nat64"],
  ["64:ff9b:1::1", "nat64"],
  ["2002:101:101::1", "6to4"],
  ["2001:0:1::1", "teredo"],
  ["fe80::1%lo", "zoned"],
  ["2606:4700::1111%eth0", "zoned"],
  ["4000::1", "not-global-ipv6"],
  ["fec0::1", "deprecatedSiteLocal"],
  ["127.1", "not-an-address"],
  ["0177.0.0.1", "not-an-address"],
  ["2130706433", "not-an-address"],
  ["localhost", "not-an-address"],
  ["[::1]", "not-an-address"],
  ["", "not-an-address"],
])("%s is denied as %s", (address, why) => {
  expect(classifyAddress(address)).toEqual({ verdict: "denied", why });
});

test("a public address of this very machine is denied, a neighbour's is not", () => {
  const own = new Set(["9.9.9.9", "2606:4700::1111"]);
  expect(classifyAddress("9.9.9.9", own)).toEqual({ verdict: "denied", why: "own-address" });
  expect(classifyAddress("2606:4700:0::1111", own)).toEqual({ verdict: "denied", why: "own-address" });
  expect(classifyAddress("9.9.9.10", own)).toEqual({ verdict: "global" });
});

test("no address with an IPv4 one inside is ever global (2,000 cases)", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom("::ffff:", "::", "::ffff:0:", "64:ff9b::"), (inner, prefix) => {
      expect(classifyAddress(prefix + inner).verdict).toBe("denied");
    }),
    { numRuns: 2_000 },
  );
});
