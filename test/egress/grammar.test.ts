import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPlainName, parseAuthority } from "../../src/egress/grammar.ts";

describe("an authority is taken in one form and no other", () => {
  test.each([
    ["api.example", "name", "api.example", null],
    ["api.example:443", "name", "api.example", 443],
    ["API.Example", "name", "api.example", null],
    ["a-b.c1.example:65535", "name", "a-b.c1.example", 65535],
    ["xn--bcher-kva.example", "name", "xn--bcher-kva.example", null],
    ["192.0.2.1", "ipv4", "192.0.2.1", null],
    ["192.0.2.1:80", "ipv4", "192.0.2.1", 80],
    ["[2001:db8::1]", "ipv6", "2001:db8::1", null],
    ["[2001:DB8::1]:8443", "ipv6", "2001:db8::1", 8443],
    [`${"a".repeat(63)}.example`, "name", `${"a".repeat(63)}.example`, null],
  ] as const)("%s is taken", (raw, kind, host, port) => {
    expect(parseAuthority(raw)).toEqual({ status: "ok", kind, host, port });
  });

  test.each([
    [undefined, "authority-missing"],
    ["", "authority-missing"],
    [":443", "authority-missing"],
    ["a".repeat(300), "authority-too-long"],
    ["a.".repeat(127), "authority-too-long"],
    ["allowed.example@evil.example:443", "authority-userinfo"],
    ["user:pw@api.example", "authority-userinfo"],
    ["[api.example]", "authority-brackets"],
    ["[192.0.2.1]", "authority-brackets"],
    ["api.example]", "authority-brackets"],
    ["[fe80::1%lo]", "authority-zone"],
    ["[fe80::1%25lo]:80", "authority-zone"],
    ["api.example\0.evil.example", "authority-control"],
    ["api.example ", "authority-control"],
    ["api.example\r\nx: y", "authority-control"],
    ["api%2eexample", "authority-escape"],
    ["api.example%00", "authority-escape"],
    ["api.example.", "authority-trailing-dot"],
    ["api.example.:443", "authority-trailing-dot"],
    ["192.0.2.1.", "authority-trailing-dot"],
    ["0177.0.0.1", "authority-number-form"],
    ["0x7f.0.0.1", "authority-number-form"],
    ["0x7f000001", "authority-number-form"],
    ["2130706433", "authority-number-form"],
    ["127.1", "authority-number-form"],
    ["0", "authority-number-form"],
    ["127.0.0.01", "authority-number-form"],
    ["256.0.0.1", "authority-number-form"],
    ["1.2.3.4.5", "authority-number-form"],
    ["api.0x", "authority-number-form"],
    ["①②⑦.0.0.1", "authority-not-ascii"],
    ["127。0。0。1", "authority-not-ascii"],
    ["bücher.example", "authority-not-ascii"],
    ["api.ex\u0430mple", "authority-not-ascii"],
    ["xn--zzzzzzzzzzz9999999.example", "authority-punycode"],
    ["XN--A.example", "authority-punycode"],
    ["::1", "authority-bare-ipv6"],
    ["2001:db8::1", "authority-bare-ipv6"],
    ["api.example:443:80", "authority-port"],
    ["api.example:", "authority-port"],
    ["api.example:0", "authority-port"],
    ["api.example:080", "authority-port"],
    ["api.example:65536", "authority-port"],
    ["api.example:+80", "authority-port"],
    ["[::1]:0", "authority-port"],
    ["api.example/x", "authority-delimiter"],
    ["api.example\\x", "authority-delimiter"],
    ["api.example?x", "authority-delimiter"],
    ["api.example#x", "authority-delimiter"],
    [".api.example", "authority-label"],
    ["api..example", "authority-label"],
    ["-api.example", "authority-label"],
    ["api-.example", "authority-label"],
    ["a_b.example", "authority-label"],
    ["*.example", "authority-label"],
    [`${"a".repeat(64)}.example`, "authority-label"],
  ])("%j is refused: %s", (raw, reason) => {
    expect(parseAuthority(raw)).toEqual({ status: "refused", reason });
  });
});

test("a rule's host is a name as it stands, not one that has to be repaired", () => {
  expect(isPlainName("api.example")).toBe(true);
  const others = ["API.example", "api.example:443", "192.0.2.1", "[::1]", "api.example.", ""];
  expect(others.filter(isPlainName)).toEqual([]);
});

test("whatever is taken reads the same for the URL parser that others use (2,000 cases)", () => {
  const label = fc.stringMatching(/^[a-zA-Z0-9_.%@:[\]-]{1,12}$/);
  const anything = fc.oneof(
    fc.string({ maxLength: 40, unit: "binary" }),
    label,
    fc.domain(),
    fc.ipV4Extended(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(anything, fc.option(fc.integer({ min: -1, max: 70_000 }), { nil: undefined }), (host, port) => {
      const raw = port === undefined ? host : `${host}:${port}`;
      const parsed = parseAuthority(raw);
      if (parsed.status === "refused") return;
      const url = new URL(`http://${raw}/`);
      const seen = new URL(parsed.kind === "ipv6" ? `http://[${parsed.host}]/` : `http://${parsed.host}/`);
      expect(seen.hostname).toBe(url.hostname);
      expect(url.username + url.password).toBe("");
      expect(url.port === "" ? 80 : Number(url.port)).toBe(parsed.port ?? 80);
    }),
    { numRuns: 2_000 },
  );
});
